// A daemon for tests of bangerctl: the same socket, the same words, a made-up log. Files in its
// data directory tell it when to fail, each once; what it is asked it writes down there, so that a
// test sees it after the daemon has died. State that must outlive it is read back from there.
#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <kj/io.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "engine/decide.h"
#include "events/codec.h"
#include "projections/replay.h"
#include "schemas/control.capnp.h"
#include "tests/cli/bangerctl/stub_state.h"

namespace banger::stub {
namespace {

constexpr std::uint64_t kExec = 0xe1;

struct State {
  std::string dir;
  std::string socket;
  std::vector<EventRecord> log = sample_log();

  [[nodiscard]] std::string file(const std::string& name) const { return dir + "/" + name; }
  void die_if(const std::string& name) const {
    if (take(file(name))) ::_exit(9);
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return ::access(file(name).c_str(), F_OK) == 0;
  }
  [[nodiscard]] Replay replay() const {
    Replay replay;
    for (const EventRecord& record : log) {
      if (!replay.fold(record)) std::abort();
    }
    return replay;
  }
};

class Lease final : public schema::ExecLease::Server {
 public:
  explicit Lease(State& state) : state_(state) {}
  kj::Promise<void> finish(FinishContext context) override {
    const auto params = context.getParams();
    append_line(state_.file("finished"),
                std::to_string(params.getOutcome()) + " " + std::to_string(params.getCode()));
    return kj::READY_NOW;
  }

 private:
  State& state_;
};

class Key final : public schema::KeyFile::Server {
 public:
  Key() : fd_(::memfd_create("key", MFD_CLOEXEC)) {
    [[maybe_unused]] const ssize_t size = ::pwrite(fd_.get(), "stub-key\n", 9, 0);
  }
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  kj::AutoCloseFd fd_;
};

class Handle final : public schema::Handle::Server {};

class Control final : public schema::Control::Server {
 public:
  explicit Control(State& state) : state_(state) {}

  kj::Promise<void> hello(HelloContext context) override {
    auto info = context.getResults().initInfo();
    info.setVersion("stub");
    info.setPid(::getpid());
    info.setSocket(state_.socket);
    info.setDataDir(state_.dir);
    info.setHeadSequence(state_.log.size());
    info.setFirstSequence(state_.has("archived") ? 3 : 1);
    info.setEpoch(state_.has("restored") ? 2 : 1);
    return kj::READY_NOW;
  }

  // An effect for each command id that is new, an answer for each that is asked.
  kj::Promise<void> submit(SubmitContext context) override {
    const auto id = context.getParams().getCommandId();
    const std::string line = std::to_string(id.getHi()) + " " + std::to_string(id.getLo());
    append_line(state_.file("asked"), line);
    const auto intent = context.getParams().getIntent();
    auto reply = context.getResults().initReply();
    if (intent.isStartVm() && std::string(intent.getStartVm().cStr()) == "nobody") {
      auto refused = reply.initRefused();
      refused.setKind(static_cast<std::uint16_t>(Refusal::kNotFound));
      refused.setMessage("there is no VM 'nobody'");
      refused.setHint("see `bangerctl vm ls`");
      return kj::READY_NOW;
    }
    state_.die_if("die-before");
    const auto done = lines_of(state_.file("effects"));
    if (std::ranges::find(done, line) == done.end()) append_line(state_.file("effects"), line);
    state_.die_if("die-after");
    if (state_.has("always-die")) ::_exit(9);
    auto accepted = reply.initAccepted();
    accepted.setStreamKind(static_cast<std::uint16_t>(StreamKind::kVm));
    accepted.setStreamId(kVmId);
    return kj::READY_NOW;
  }

  kj::Promise<void> openExec(OpenExecContext context) override {
    auto results = context.getResults();
    results.initReply().initAccepted();
    results.setExec(kExec);
    results.setVmId(kVmId);
    auto access = results.initAccess();
    access.setHost("127.0.0.1");
    access.setPort(21001);
    access.setUser("root");
    access.setHostKey("ssh-ed25519 AAAA");
    results.setKey(kj::heap<Key>());
    results.setLease(kj::heap<Lease>(state_));
    return kj::READY_NOW;
  }

  kj::Promise<void> resumeExec(ResumeExecContext context) override {
    append_line(state_.file("resumed"), std::to_string(context.getParams().getExec()));
    context.getResults().setOpen(true);
    context.getResults().setLease(kj::heap<Lease>(state_));
    return kj::READY_NOW;
  }

  kj::Promise<void> vm(VmContext context) override {
    auto reply = context.getResults().initReply();
    const std::string name = context.getParams().getVm();
    const Replay replay = state_.replay();
    const VmRuntime& row = *replay.fleet().vm(VmId{kVmId});
    if (name != row.name && name != row.id.hex()) {
      auto refused = reply.initRefused();
      refused.setKind(static_cast<std::uint16_t>(Refusal::kNotFound));
      refused.setMessage("there is no VM '" + name + "'");
      return kj::READY_NOW;
    }
    reply.initAccepted();
    context.getResults().initDetails().setRow(as_data(row_bytes(row)));
    return kj::READY_NOW;
  }

  kj::Promise<void> console(ConsoleContext context) override {
    const std::string log = "\x1b[31mred\x1b[0m\r\nlogin: \x1b]0;title\x07web\n";
    const std::uint64_t offset =
        std::min<std::uint64_t>(context.getParams().getOffset(), log.size());
    auto results = context.getResults();
    results.initReply().initAccepted();
    results.setOffset(offset);
    results.setSize(log.size());
    results.setData(as_data(log.substr(offset)));
    return kj::READY_NOW;
  }

  kj::Promise<void> projections(ProjectionsContext context) override {
    auto out = context.getResults().initProjections(std::size(kProjections));
    for (unsigned i = 0; i < out.size(); ++i) {
      out[i].setName(std::string(kProjections[i].name));
      out[i].setVersion(kProjections[i].version);
      out[i].setCheckpoint(state_.log.size());
    }
    return kj::READY_NOW;
  }

  // One row a page, so that paging is seen to work.
  kj::Promise<void> projectionRows(ProjectionRowsContext context) override {
    auto results = context.getResults();
    results.initReply().initAccepted();
    const auto after = context.getParams().getAfterKey();
    const std::string key(reinterpret_cast<const char*>(after.begin()), after.size());
    auto rows = state_.replay().rows(context.getParams().getName().cStr());
    if (state_.has("lie") && rows.size() > 1) rows.erase(rows.begin());
    const auto next = rows.upper_bound(key);
    if (next == rows.end()) return kj::READY_NOW;
    auto out = results.initRows(1);
    out[0].setKey(as_data(next->first));
    out[0].setValue(as_data(next->second));
    results.setMore(std::next(next) != rows.end());
    return kj::READY_NOW;
  }

  kj::Promise<void> events(EventsContext context) override {
    const auto params = context.getParams();
    fill(context.getResults().initBatch(), params.getFrom(), 2, params.getKnownActors() == 0);
    return kj::READY_NOW;
  }

  // Two events in each push.
  kj::Promise<void> follow(FollowContext context) override {
    const Sequence from = context.getParams().getFrom();
    append_line(state_.file("followed"), std::to_string(from));
    context.getResults().setHandle(kj::heap<Handle>());
    pushing_ = push(context.getParams().getSink(), from).eagerlyEvaluate([](kj::Exception&&) {});
    return kj::READY_NOW;
  }

  kj::Promise<void> streamEvents(StreamEventsContext context) override {
    const auto params = context.getParams();
    std::vector<Sequence> found;
    for (const EventRecord& record : state_.log) {
      const Envelope& envelope = record.envelope;
      if (envelope.stream.id == params.getStreamId() &&
          envelope.version >= params.getFromVersion()) {
        found.push_back(envelope.sequence);
      }
    }
    auto out = context.getResults().initSequences(static_cast<unsigned>(found.size()));
    for (unsigned i = 0; i < out.size(); ++i) out.set(i, found[i]);
    return kj::READY_NOW;
  }

  kj::Promise<void> verify(VerifyContext context) override {
    auto report = context.getResults().initReport();
    report.setOk(!state_.has("lie"));
    report.setEvents(state_.log.size());
    if (state_.has("lie")) report.initProblems(1).set(0, "block 3: the chain is broken");
    return kj::READY_NOW;
  }

  kj::Promise<void> stop(StopContext) override {
    ::raise(SIGTERM);
    return kj::NEVER_DONE;
  }
  kj::Promise<void> ping(PingContext) override { return kj::READY_NOW; }

  kj::Promise<void> stateAt(StateAtContext context) override {
    const auto params = context.getParams();
    const Replay then = replay_to(params.getPoint(), context.getResults().initAt());
    const auto id = resolve_vm(then.fleet(), std::string_view(params.getReference().cStr()));
    if (!id) {
      context.getResults().initReply().initRefused().setMessage(id.error().message);
      return kj::READY_NOW;
    }
    context.getResults().initReply().initAccepted();
    context.getResults().setRow(as_data(row_bytes(*then.fleet().vm(*id))));
    return kj::READY_NOW;
  }

  // One row a page, here too.
  kj::Promise<void> statesAt(StatesAtContext context) override {
    const auto params = context.getParams();
    auto results = context.getResults();
    results.initReply().initAccepted();
    const Replay then = replay_to(params.getPoint(), results.initAt());
    const auto kind = static_cast<StreamKind>(params.getStreamKind());
    const auto rows = then.rows(projection_of(kind).name);
    const auto next = rows.upper_bound(row_key({kind, params.getAfterId()}));
    if (next == rows.end()) return kj::READY_NOW;
    results.initRows(1).set(0, as_data(next->second));
    results.setLastId(kind == StreamKind::kVm ? kVmId : kImageId);
    results.setMore(true);
    return kj::READY_NOW;
  }

  kj::Promise<void> findStreams(FindStreamsContext context) override {
    context.getResults().initReply().initAccepted();
    for (const auto& [key, value] : state_.replay().rows(kHistory.name)) {
      const auto row = parse_history_row(value);
      if (row && row->stream.kind == StreamKind::kVm &&
          row->name == context.getParams().getReference().cStr()) {
        context.getResults().initRows(1).set(0, as_data(value));
      }
    }
    return kj::READY_NOW;
  }

  // Two events a page at most.
  kj::Promise<void> search(SearchContext context) override {
    const auto params = context.getParams();
    const auto query = params.getQuery();
    context.getResults().initReply().initAccepted();
    std::vector<EventRecord> log = state_.log;
    if (query.getReverse()) std::ranges::reverse(log);
    std::vector<EventRecord> found;
    for (const EventRecord& record : log) {
      const Sequence at = record.envelope.sequence;
      const bool behind =
          params.getCursor() == 0 ||
          (query.getReverse() ? at <= params.getCursor() : at >= params.getCursor());
      const bool kind =
          query.getKinds().size() == 0 || query.getKinds()[0] == kind_of(record.event);
      const bool correlation = !query.hasCorrelation() || query.getCorrelation().getLo() == 0 ||
                               query.getCorrelation().getLo() == record.envelope.correlation.lo;
      if (behind && kind && correlation && at >= query.getFirstSequence() &&
          (!query.getHasStream() || query.getStreamId() == record.envelope.stream.id)) {
        found.push_back(record);
      }
    }
    const std::size_t most = query.getLimit() == 1 ? 1 : 2;
    context.getResults().setDone(found.size() <= most);
    found.resize(std::min(found.size(), most));
    if (!found.empty())
      context.getResults().setNext(found.back().envelope.sequence + (query.getReverse() ? -1 : 1));
    write_events(context.getResults().initBatch(), found, params.getKnownActors() == 0);
    return kj::READY_NOW;
  }

 private:
  Replay replay_to(schema::Point::Reader point, schema::At::Builder at) const {
    Replay replay;
    for (const EventRecord& record : state_.log) {
      const bool after = (point.isSequence() && record.envelope.sequence > point.getSequence()) ||
                         (point.isTimeNs() && record.envelope.time_ns > point.getTimeNs());
      if (after) break;
      if (!replay.fold(record)) std::abort();
      at.setSequence(record.envelope.sequence);
      at.setTimeNs(record.envelope.time_ns);
    }
    at.setAtLeast(state_.has("clock-set-back") ? 1 : at.getSequence());
    at.setAtMost(at.getSequence());
    return replay;
  }

  void fill(schema::EventBatch::Builder out, Sequence from, std::size_t most, bool with_interned) {
    std::vector<EventRecord> records;
    for (const EventRecord& record : state_.log) {
      if (record.envelope.sequence >= from && records.size() < most) records.push_back(record);
    }
    write_events(out, records, with_interned);
    out.setNextSequence(from + records.size());
  }

  kj::Promise<void> push(schema::EventSink::Client sink, Sequence from) {
    if (from > state_.log.size()) return kj::NEVER_DONE;
    auto request = sink.pushRequest();
    fill(request.initBatch(), from, 2, true);
    return request.send().ignoreResult().then([this, sink, from]() mutable {
      state_.die_if("die-pushing");
      return push(kj::mv(sink), from + 2);
    });
  }

  State& state_;
  kj::Promise<void> pushing_ = kj::READY_NOW;
};

void tell(int fd, const std::string& line) {
  if (fd < 0) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t size = ::write(fd, text.data(), text.size());
  ::close(fd);
}

int serve(State& state, int ready) {
  const int lock = ::open(state.file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    tell(ready, "busy: another one has the data directory");
    return 1;
  }
  if (state.has("refuse")) {
    tell(ready, "error: the configuration is bad");
    return 1;
  }
  append_line(state.file("pids"), std::to_string(::getpid()));
  // As the real one, it may take a while until it listens; a gate lets a test decide how long.
  if (state.has("gate")) {
    const int gate = ::open(state.file("gate").c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    [[maybe_unused]] const ssize_t size = ::read(gate, &byte, 1);
    ::close(gate);
  }
  ::unlink(state.socket.c_str());
  auto io = kj::setupAsyncIo();
  auto address = io.provider->getNetwork().parseAddress("unix:" + state.socket).wait(io.waitScope);
  auto listener = address->listen();
  capnp::TwoPartyServer server(kj::heap<Control>(state));
  tell(ready, "ready");
  server.listenCapStreamReceiver(*listener, 1).wait(io.waitScope);
  return 0;
}

}  // namespace
}  // namespace banger::stub
int main(int argc, char** argv) {
  banger::stub::State state;
  int ready = -1;
  if (argc > 1 && std::string(argv[1]) == "--check") {  // what doctor asks
    std::puts("config = \ndata_dir = /nowhere/banger\nvmm.program = sh\nlog.low_water_mib = 1");
    return 0;
  }
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--data-dir") state.dir = argv[i + 1];
    if (option == "--socket") state.socket = argv[i + 1];
    if (option == "--ready-fd") ready = std::stoi(argv[i + 1]);
  }
  return banger::stub::serve(state, ready);
}
