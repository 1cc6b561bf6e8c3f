#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_verbs.h"
#include "cli/bangerctl/vm_watch.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

constexpr std::uint32_t kChunk = 256 * 1024;
constexpr std::uint64_t kMostTail = 16 << 20;  // bytes looked through for the last lines
constexpr auto kPollEvery = 300 * kj::MILLISECONDS;

struct LogOptions {
  std::string vm;
  bool follow = false;
  std::string tail;
};

struct Chunk {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string data;
};

Answer<Chunk> read_console(Session& session, const std::string& vm, std::uint64_t offset) {
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.consoleRequest();
    request.setVm(vm);
    request.setOffset(offset);
    request.setMaxBytes(kChunk);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused())
    return std::unexpected(refusal(answer->getReply().getRefused()));
  return Chunk{answer->getOffset(), answer->getSize(), std::string(bytes_of(answer->getData()))};
}

// Where the last `lines` lines begin: reads backwards, a chunk at a time.
Answer<std::uint64_t> tail_offset(Session& session, const std::string& vm, std::uint64_t lines) {
  const auto end = read_console(session, vm, UINT64_MAX);
  if (!end) return std::unexpected(end.error());
  std::uint64_t begin = end->size;
  std::uint64_t found = 0;
  while (begin > 0 && end->size - begin < kMostTail) {
    const std::uint64_t from = begin > kChunk ? begin - kChunk : 0;
    const auto chunk = read_console(session, vm, from);
    if (!chunk) return std::unexpected(chunk.error());
    if (chunk->offset >= begin) return begin;  // older bytes are gone
    const std::string_view data = std::string_view(chunk->data).substr(0, begin - chunk->offset);
    for (std::size_t i = data.size(); i-- > 0;) {
      const bool last_byte = chunk->offset + i + 1 == end->size;
      if (data[i] == '\n' && !last_byte && ++found == lines) return chunk->offset + i + 1;
    }
    begin = chunk->offset;
  }
  return begin;
}

// A guest's output is hostile to a terminal, and nobody's business elsewhere.
Answer<void> show(std::string_view data, bool terminal) {
  return terminal ? print(neutralise(data)) : print(data);
}

Answer<int> logs(Context& context, const LogOptions& options) {
  Session& session = context.session();
  auto view = view_vm(session, options.vm);
  if (!view) return std::unexpected(view.error());
  const std::string vm = view->row.id.hex();
  std::uint64_t offset = 0;
  if (!options.tail.empty() && options.tail != "all") {
    const auto lines = parse_count(options.tail);
    if (!lines) return misused("--tail: " + lines.error().message);
    const auto from =
        *lines == 0 ? Answer<std::uint64_t>(UINT64_MAX) : tail_offset(session, vm, *lines);
    if (!from) return std::unexpected(from.error());
    offset = *from;
  }
  const bool terminal = is_terminal(1);
  for (;;) {
    const auto chunk = read_console(session, vm, offset);
    if (!chunk) return std::unexpected(chunk.error());
    const auto shown = show(chunk->data, terminal);
    if (!shown) return std::unexpected(shown.error());
    offset = chunk->offset + chunk->data.size();  // an offset past the end is brought back to it
    if (!chunk->data.empty()) continue;
    if (!options.follow) return kOk;
    view = view_vm(session, vm);
    if (!view || !down_yet(&view->row)) {
      if (!view) return kOk;  // deleted
      session.timer().afterDelay(kPollEvery).wait(session.io().waitScope);
      continue;
    }
    return kOk;
  }
}

}  // namespace

void add_logs_verb(const Verbs& verbs, CLI::App& vm) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* verb = add_verb(vm, "logs", "A VM's console");
  verb->add_option("vm", options->vm, "Name, id or prefix of an id")->required();
  verb->add_flag("-f,--follow", options->follow, "Go on until the VM is down");
  verb->add_option("-n,--tail", options->tail, "Only the last lines: a number, or all");
  on_chosen(verbs, verb, [options](Context& context) { return logs(context, *options); });
}

}  // namespace banger::ctl
