// Writes seeds that nobody can type, made of real values: fuzz_seeds DIRECTORY. Run it when a format has changed, and
// keep what it gives (docs/HACKING.md).
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>

#include <filesystem>
#include <optional>

#include "events/bundle/writer.h"
#include "events/log/archive_file.h"
#include "projections/replay.h"
#include "schemas/control.capnp.h"
#include "tests/engine/random_history.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr StoreId kStore{7, 9};  // as in archive.cpp

std::string part(std::string_view text) {
  std::string out;
  log::put_le(out, static_cast<std::uint16_t>(text.size()));
  return out += text;
}

// What people and drivers by chance have led to, and its first blocks.
struct History {
  test::World world = test::random_history(5, 400);
  Interned interned;
  std::vector<EventBytes> events;
  std::vector<std::string> blocks;
  log::Hasher hasher;

  History() {
    for (const EventRecord& record : world.log) events.push_back(encode(record, interned, Salt{1, 2}));
    for (std::size_t first = 0; first < 12; first += 4) {
      std::vector<log::Frame> frames;
      for (std::size_t i = first; i < first + 4; ++i) frames.push_back(frame(i));
      blocks.push_back(log::encode_block({}, frames, hasher).bytes);
    }
  }
  [[nodiscard]] log::Frame frame(std::size_t i) const {
    const EventBytes& bytes = events[i];
    const auto part = bytes.personal.empty() ? log::PersonalPart::kNone : log::PersonalPart::kPresent;
    return {i + 1, bytes.open, part, bytes.personal};
  }
};

class Seeds {
 public:
  explicit Seeds(fs::path root) : root_(std::move(root)) {}
  void put(const std::string& target, const std::string& name, std::string_view bytes) const {
    fs::create_directories(root_ / target);
    put_file(root_ / target / name, bytes);
  }
  [[nodiscard]] fs::path root() const { return root_; }

 private:
  fs::path root_;
};

void put_log(const Seeds& seeds, History& history) {
  seeds.put("block", "one_commit", history.blocks.front());
  seeds.put("block", "merged", log::merge_blocks(history.blocks, history.hasher).value());
  const std::vector<Sequence> second{2};
  seeds.put("block", "erased", log::erase_personal(history.blocks.front(), second, history.hasher).value());
  fs::create_directories(seeds.root() / "archive");
  auto archive = log::ArchiveWriter::create(seeds.root() / "archive" / "three_blocks", kStore, 1, 12, {});
  for (const std::string& block : history.blocks) BANGER_ASSERT(archive->add(block));
  BANGER_ASSERT(archive->finish().has_value());
}

void put_bundle(const Seeds& seeds, const History& history) {
  using namespace bundle;
  const Sequence last = 24;
  std::string out = preamble();
  put_head(out, {.store = kStore, .epoch = 1, .first = 1, .last = last, .head = last, .about = "vm web"});
  put_schema(out, "struct Event {}");
  for (const InternedEntry& entry : history.interned.all()) put_interned(out, entry);
  for (Sequence first = 1; first <= last; first += 8) {
    put_block(out, {.first = first, .count = 8});
    for (Sequence n = first; n < first + 7; ++n) put_event(out, history.frame(n - 1));
    const Digest digest{};
    put_left_out(out, std::span(&digest, 1));
  }
  put_end(out, {});
  seeds.put("bundle", "three_blocks", out);
}

std::string unhexed(const fs::path& path) {
  std::ifstream file(path);
  std::string bytes;
  for (char high = 0, low = 0; file >> high >> low;) {
    bytes += static_cast<char>(std::stoi(std::string{high, low}, nullptr, 16));
  }
  return bytes;
}

// Every kind and version that there ever was.
void put_events(const Seeds& seeds) {
  constexpr std::string_view kOpen = ".open.hex";
  for (const auto& each : fs::directory_iterator(BANGER_SOURCE_DIR "/tests/golden/events")) {
    const std::string file = each.path().string();
    if (!file.ends_with(kOpen)) continue;
    const std::string stem = file.substr(0, file.size() - kOpen.size());
    seeds.put("event", fs::path(stem).filename(), part(unhexed(file)) + unhexed(stem + ".personal.hex"));
  }
}

void put_rows(const Seeds& seeds, const History& history) {
  Replay replay;
  for (const EventRecord& record : history.world.log) BANGER_ASSERT(replay.fold(record));
  for (std::size_t i = 0; i < std::size(kProjections); ++i) {
    const auto rows = replay.rows(kProjections[i].name);
    if (rows.empty()) continue;
    seeds.put("row", std::string(kProjections[i].name), static_cast<char>(i) + rows.begin()->second);
  }
}

std::string message_part(capnp::rpc::Message::Reader message) {
  const auto words = capnp::canonicalize(message);
  return part({words.asChars().begin(), words.asChars().size()});
}

std::string bootstrap() {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
  return message_part(message.getRoot<capnp::rpc::Message>());
}

// Whom a call is for: the capability that `question` was answered with, or the one in a field of that answer.
struct Whom {
  std::uint64_t interface = capnp::typeId<schema::Control>();
  std::uint32_t question = 0;
  std::optional<std::uint16_t> field = {};
};

template <class Params, class Fill>
std::string call(std::uint32_t question, std::uint16_t method, Fill fill, const Whom& whom = {}) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<capnp::rpc::Message>().initCall();
  out.setQuestionId(question);
  out.setInterfaceId(whom.interface);
  out.setMethodId(method);
  auto target = out.initTarget().initPromisedAnswer();
  target.setQuestionId(whom.question);
  if (whom.field) target.initTransform(1)[0].setGetPointerField(*whom.field);
  fill(out.initParams().initContent().template initAs<Params>());
  return message_part(message.getRoot<capnp::rpc::Message>());
}

std::string greeted() {
  const auto hello = [](schema::Control::HelloParams::Builder params) { params.setClient("bangerctl 0.1.0"); };
  return std::string(1, '\0') + bootstrap() + call<schema::Control::HelloParams>(1, 0, hello);
}

void put_client(const Seeds& seeds) {
  using C = schema::Control;
  const auto submit = [&](const char* name, auto fill) {
    seeds.put("rpc", name, greeted() + call<C::SubmitParams>(2, 1, [&](C::SubmitParams::Builder params) {
      params.initCommandId().setHi(1);
      fill(params.initIntent());
    }));
  };
  submit("create", [](schema::Intent::Builder intent) {
    auto create = intent.initCreateVm();
    create.setName("db");
    create.setImage("tiny");
    create.setStart(true);
    auto its = create.initSettings();
    its.setVcpus(1);
    its.setMemoryMib(256);
    its.setDiskMib(1024);
    its.setNet(1);
    auto port = its.initPorts(1)[0];
    port.setHostAddress("127.0.0.1");
    port.setGuestPort(80);
    port.setProtocol(1);
  });
  submit("stop", [](schema::Intent::Builder intent) { intent.initStopVm().setVm("web"); });
  submit("set", [](schema::Intent::Builder intent) { intent.initSetVm().setVm("web"); });
  submit("delete", [](schema::Intent::Builder intent) { intent.initDeleteVm().setVm("web"); });
  submit("image", [](schema::Intent::Builder intent) { intent.initMakeImage().setImportPath("/tmp/x"); });
  const Whom lease{capnp::typeId<schema::ExecLease>(), 2, 3};
  seeds.put("rpc", "exec", greeted() + call<C::OpenExecParams>(2, 2, [](C::OpenExecParams::Builder params) {
    params.initCommandId().setHi(1);
    params.setVm("web");
    params.initArgv(1).set(0, "true");
  }) + call<schema::ExecLease::FinishParams>(3, 0, [](auto params) { params.setOutcome(1); }, lease));
  seeds.put("rpc", "look", greeted() + call<C::VmParams>(2, 4, [](auto params) { params.setVm("web"); }) +
                               call<C::ConsoleParams>(3, 6, [](auto params) { params.setVm("web"); }) +
                               call<C::ProjectionRowsParams>(4, 8, [](auto params) { params.setName("vm_runtime"); }));
  seeds.put("rpc", "follow", greeted() + call<C::EventsParams>(2, 9, [](auto params) { params.setFrom(1); }) +
                                 call<C::AwaitStreamParams>(3, 5, [](auto params) { params.setStreamKind(2); }) +
                                 call<C::StreamEventsParams>(4, 11, [](auto params) { params.setStreamKind(2); }));
  seeds.put("rpc", "past", greeted() + call<C::StateAtParams>(2, 18, [](C::StateAtParams::Builder params) {
    params.initPoint().setSequence(3);
    params.setStreamKind(2);
    params.setReference("web");
  }) + call<C::SearchParams>(3, 21, [](C::SearchParams::Builder params) { params.initQuery().initKinds(1); }));
  using L = schema::LogCare;
  const Whom care{capnp::typeId<L>(), 2, 0};
  seeds.put("rpc", "care", greeted() + call<C::LogCareParams>(2, 22, [](auto) {}) +
                               call<L::BundlePartParams>(3, 1, [](L::BundlePartParams::Builder params) {
                                 params.initSelection().initOthers(1).set(0, 3);
                               }, care) +
                               call<L::CheckProjectionsParams>(4, 2, [](auto params) { params.setName("images"); }, care) +
                               call<L::ArchiveParams>(5, 6, [](auto params) { params.initBefore().setSequence(9); }, care) +
                               call<C::VerifyParams>(6, 12, [](auto) {}) + call<C::StopParams>(7, 16, [](auto) {}));
}

}  // namespace
}  // namespace banger::fuzz

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const banger::fuzz::Seeds seeds(argv[1]);
  banger::fuzz::History history;
  banger::fuzz::put_log(seeds, history);
  banger::fuzz::put_bundle(seeds, history);
  banger::fuzz::put_events(seeds);
  banger::fuzz::put_rows(seeds, history);
  banger::fuzz::put_client(seeds);
}
