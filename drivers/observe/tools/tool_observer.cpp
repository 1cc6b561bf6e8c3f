#include "drivers/observe/tools/tool_observer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "drivers/host/child.h"
#include "drivers/loop_device/loop_device.h"
#include "drivers/observe/process.h"
#include "events/assert.h"

namespace banger::observe {
namespace {

constexpr std::size_t kMaxPartitionsBytes = 8 << 20;  // 30 bytes a line

// Ours, with messages and numbers in nobody's language.
std::vector<std::string> plain_environment() {
  std::vector<std::string> plain{"LC_ALL=C"};
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view setting = *each;
    if (!setting.starts_with("LC_") && !setting.starts_with("LANG")) plain.emplace_back(setting);
  }
  return plain;
}

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1));
}

// What it said, if it may be believed. `none_found`: how it ends, silently, where there is nothing to tell of.
Result<std::string> judge(uv::ProcessResult result, int none_found) {
  if (result.timed_out) return fail("it did not end in time");
  if (result.out_truncated) return fail("it said more than is read");
  const auto [code, signal] = result.status;
  if (signal != 0) return fail("signal " + std::to_string(signal) + " ended it");
  if (code == 0 || (code == none_found && result.err.empty())) return std::move(result.out);
  const std::string complaint = last_line(result.err);
  return fail("it ended with " + std::to_string(code) + (complaint.empty() ? "" : ": " + complaint));
}

// What `tool` proposes.
template <class Parse>
auto proposed(const std::string& tool, const Result<std::string>& report, Parse parse) -> decltype(parse(*report)) {
  if (!report) return with_context(tool, report.error());
  auto parsed = parse(*report);
  if (!parsed) return with_context("what " + tool + " says", parsed.error());
  return parsed;
}

Result<Processes> prove_processes(const LookSpec& spec, const Result<std::string>& report) {
  const auto pids = proposed("pgrep", report, parse_pids);
  if (!pids) return std::unexpected(pids.error());
  return prove_vmms(*pids, spec.layout, spec.boot, spec.where);
}

// Of those that losetup names, and of those that it cannot see for want of a node.
Result<std::vector<std::string>> prove_loops(const Result<std::string>& report) {
  auto loops = proposed("losetup", report, parse_loops);
  if (!loops) return std::unexpected(loops.error());
  const auto partitions = read_at(AT_FDCWD, "/proc/partitions", kMaxPartitionsBytes);
  if (!partitions) return std::unexpected(partitions.error());
  for (const std::uint32_t number : loops_in_partitions(*partitions)) {
    const std::string node = loop::LoopDevice{.number = number}.node();
    if (::access(node.c_str(), F_OK) != 0) loops->push_back(number);
  }
  std::vector<std::string> marks;
  for (const std::uint32_t number : *loops) {
    auto mark = loop::mark_of(number);
    if (!mark) return std::unexpected(mark.error());
    if (*mark) marks.push_back(**std::move(mark));
  }
  return marks;
}

// Those that would be ours must be there, by that name and with that alias.
Result<std::vector<network::Link>> prove_links(StoreId store, const Result<std::string>& report) {
  auto links = proposed("ip", report, parse_links);
  if (!links) return links;
  std::vector<network::Link> there;
  for (network::Link& link : *links) {
    if (!network::as_ours(store, link)) continue;
    const auto found = network::find_link(link.name);
    if (!found) return std::unexpected(found.error());
    if (*found && (*found)->alias == link.alias && (*found)->tap == link.tap) there.push_back(std::move(link));
  }
  return there;
}

}  // namespace

Result<std::string> find_tool(const std::string& name) { return host::find_program(name, "/usr/sbin:/sbin"); }

ToolObserver::ToolObserver(uv::Loop& loop, uv::WorkerPool& pool, LookSpec spec, ToolOptions options)
    : loop_(loop), pool_(pool), spec_(std::move(spec)), options_(std::move(options)) {}

ToolObserver::~ToolObserver() { *here_ = false; }

void ToolObserver::observe(Done done) {
  BANGER_ASSERT(!done_);
  done_ = std::move(done);
  ask("pgrep", options_.pgrep, pgrep_arguments(), 1);
  if (spec_.disks_of) {
    ask("dmsetup", options_.dmsetup, dmsetup_arguments());
    ask("losetup", options_.losetup, losetup_arguments());
  }
  if (spec_.links_of) ask("ip", options_.ip, ip_arguments());
}

void ToolObserver::ask(const std::string& tool, const Arguments& program, const Arguments& arguments,
                       int none_found) {
  uv::ProcessSpec process{.argv = program,
                          .env = plain_environment(),
                          .timeout_ms = options_.deadline_ms,
                          .max_output_bytes = options_.max_output_bytes};
  process.argv.insert(process.argv.end(), arguments.begin(), arguments.end());
  if (auto path = find_tool(program.front())) process.argv.front() = *std::move(path);
  auto& asked = asked_[tool];
  auto started = uv::Process::start(loop_, std::move(process), [this, tool, none_found](uv::ProcessResult result) {
    told(tool, judge(std::move(result), none_found));
  });
  if (started) {
    asked.emplace(*std::move(started));
    return;
  }
  loop_.defer([this, alive = here_, tool, error = started.error()] {
    if (*alive) told(tool, std::unexpected(error));
  });
}

void ToolObserver::told(const std::string& tool, Result<std::string> report) {
  reports_.insert_or_assign(tool, std::move(report));
  if (reports_.size() < asked_.size()) return;
  asked_.clear();
  auto submitted = pool_.submit(
      [spec = spec_, reports = std::exchange(reports_, {})] { return compose(spec, prove(spec, reports)); },
      [this, alive = here_](Look look) {
        if (*alive) std::exchange(done_, nullptr)(std::move(look));
      });
  BANGER_ASSERT(submitted);  // one look at a time, in a pool for looks alone
}

Parts ToolObserver::prove(const LookSpec& spec, const Reports& reports) {
  Parts parts;
  parts.processes = prove_processes(spec, reports.at("pgrep"));
  if (spec.disks_of) {
    parts.device_uuids = proposed("dmsetup", reports.at("dmsetup"), parse_uuids);
    parts.loop_marks = prove_loops(reports.at("losetup"));
  }
  if (spec.links_of) parts.links = prove_links(*spec.links_of, reports.at("ip"));
  if (spec.network) parts.network = spec.network();
  parts.directories = read_directories(spec.layout);
  return parts;
}

}  // namespace banger::observe
