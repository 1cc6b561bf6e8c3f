// Calls that a client makes and what it gets for them; waits that it drops; answers that come too
// late.
#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc::test;
using banger::rpc::VerifySummary;

namespace {

capnp::Request<schema::Control::SubmitParams, schema::Control::SubmitResults> start_vm(
    schema::Control::Client& control, const char* vm, std::uint64_t id = 5) {
  auto request = control.submitRequest();
  request.initCommandId().setLo(id);
  request.initIntent().setStartVm(vm);
  return request;
}

class ProgressProbe final : public schema::ProgressSink::Server {
 public:
  struct Heard {
    std::vector<std::uint64_t> done;
    std::vector<kj::Own<kj::PromiseFulfiller<void>>> unanswered;
    bool gone = false;
  };
  explicit ProgressProbe(Heard& heard) : heard_(heard) {}
  ~ProgressProbe() noexcept(false) { heard_.gone = true; }

 protected:
  kj::Promise<void> report(ReportContext context) override {
    heard_.done.push_back(context.getParams().getDone());
    auto pair = kj::newPromiseAndFulfiller<void>();
    heard_.unanswered.push_back(kj::mv(pair.fulfiller));
    return kj::mv(pair.promise);
  }

 private:
  Heard& heard_;
};

}  // namespace

TEST_CASE("hello tells about the daemon, and names the client in what it does then") {
  Controlled c;
  start_vm(c.control, "web").send().wait(c.io.waitScope);
  auto hello = c.control.helloRequest();
  hello.setClient("ctl\x1b 1");
  auto answer = hello.send().wait(c.io.waitScope);
  CHECK(answer.getInfo().getVersion() == "0.1.0");
  CHECK(answer.getInfo().getStoreId() == "store");
  CHECK(answer.getInfo().getPid() == 42);
  CHECK(answer.getInfo().getLowWater());
  start_vm(c.control, "web").send().wait(c.io.waitScope);
  const auto submitted = c.on_loop([&] { return c.service.submitted; });
  REQUIRE(submitted.size() == 2);
  CHECK(submitted[0].caller.client == "unknown");
  CHECK(submitted[1].caller.client == "ctl? 1");
  CHECK(submitted[1].caller.peer.uid == ::getuid());
}

TEST_CASE("an intent reaches the service once per call, and its answer the client") {
  Controlled c;
  auto reply = start_vm(c.control, "web").send().wait(c.io.waitScope);
  REQUIRE(reply.getReply().isAccepted());
  const auto accepted = reply.getReply().getAccepted();
  CHECK(accepted.getStreamKind() == 2);
  CHECK(accepted.getStreamId() == 7);
  CHECK(accepted.getFirstSequence() == 11);
  CHECK(accepted.getLastSequence() == 12);
  start_vm(c.control, "web").send().wait(c.io.waitScope);
  start_vm(c.control, "db").send().wait(c.io.waitScope);
  const auto submitted = c.on_loop([&] { return c.service.submitted; });
  REQUIRE(submitted.size() == 3);
  CHECK(submitted[0].id == CommandId{0, 5});
  CHECK(std::get<StartVm>(submitted[0].ask).vm == "web");
  CHECK(submitted[0].request == submitted[1].request);
  CHECK(submitted[0].request != submitted[2].request);
}

TEST_CASE("a refusal is an answer: the service's own, and one of a hostile intent") {
  Controlled c;
  c.on_loop([&] {
    c.service.answer = std::unexpected(Rejection{Refusal::kWrongState, "web runs", "stop it"});
  });
  auto theirs = start_vm(c.control, "web").send().wait(c.io.waitScope);
  REQUIRE(theirs.getReply().isRefused());
  CHECK(theirs.getReply().getRefused().getKind() == 4);
  CHECK(theirs.getReply().getRefused().getMessage() == "web runs");
  CHECK(theirs.getReply().getRefused().getHint() == "stop it");

  auto request = c.control.submitRequest();
  request.initCommandId().setLo(1);
  request.initIntent().initStartVm(3).begin()[3] = 'x';  // no terminator
  auto ours = request.send().wait(c.io.waitScope);
  REQUIRE(ours.getReply().isRefused());
  CHECK(ours.getReply().getRefused().getKind() == 1);
  CHECK(c.on_loop([&] { return c.service.submitted.size(); }) == 1);
  c.ping();
}

TEST_CASE("a name too long is refused by every call that takes one") {
  Controlled c;
  const std::string name(300, 'x');
  auto vm = c.control.vmRequest();
  vm.setVm(name);
  CHECK(vm.send().wait(c.io.waitScope).getReply().getRefused().getKind() == 1);
  auto console = c.control.consoleRequest();
  console.setVm(name);
  CHECK(console.send().wait(c.io.waitScope).getReply().getRefused().getKind() == 1);
  auto rows = c.control.projectionRowsRequest();
  rows.setName(name);
  CHECK(rows.send().wait(c.io.waitScope).getReply().getRefused().getKind() == 1);
  auto exec = c.control.openExecRequest();
  exec.initCommandId().setLo(1);
  exec.setVm(name);
  CHECK(exec.send().wait(c.io.waitScope).getReply().getRefused().getKind() == 1);
}

TEST_CASE("a wait is answered, has a longest time, and ends when its caller drops it or goes") {
  Controlled c;
  const bool image = GENERATE(false, true);
  CAPTURE(image);
  const auto wait = [&]() -> kj::Promise<void> {
    if (image) {
      auto request = c.control.imageProgressRequest();
      request.setImageId(3);
      request.setTimeoutMs(~0ull);
      return request.send().then([](auto answer) {
        CHECK(answer.getLines().size() == 1);
        CHECK(answer.getNextLine() == 5);
        CHECK(answer.getRunning());
      });
    }
    auto request = c.control.awaitStreamRequest();
    request.setStreamKind(2);
    request.setStreamId(7);
    request.setTimeoutMs(~0ull);
    return request.send().then([](auto answer) {
      CHECK(answer.getChanged());
      CHECK(answer.getExists());
      CHECK(answer.getLastSequence() == 8);
    });
  };
  const auto waits = [&] {
    return c.on_loop([&] { return c.service.stream_waits.size() + c.service.image_waits.size(); });
  };
  const auto holds = [&] { return c.on_loop([&] { return c.service.holds; }); };
  const auto answer_last = [&] {
    c.on_loop([&] {
      if (image) {
        c.service.image_waits.back()({{"step"}, 5, true});
      } else {
        c.service.stream_waits.back()({true, true, 8});
      }
    });
  };
  auto answered = wait().eagerlyEvaluate(nullptr);
  wait_until(c.io, [&] { return waits() == 1; });
  CHECK(c.on_loop([&] { return c.service.timeout_ms; }) == 600'000);
  CHECK(holds() == 1);
  answer_last();
  answered.wait(c.io.waitScope);
  wait_until(c.io, [&] { return holds() == 0; });
  {
    auto dropped = wait().eagerlyEvaluate(nullptr);
    wait_until(c.io, [&] { return waits() == 2; });
    CHECK(holds() == 1);
  }
  wait_until(c.io, [&] { return holds() == 0; });
  answer_last();  // to nobody
  c.ping();
  auto lost = wait().eagerlyEvaluate(nullptr);
  wait_until(c.io, [&] { return waits() == 3; });
  c.disconnect();
  wait_until(c.io, [&] { return holds() == 0; });
  answer_last();
}

TEST_CASE("lines of an image's making that do not fit come with the next call") {
  Controlled c;
  auto answer = c.control.imageProgressRequest().send();
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.image_waits.size(); }) == 1; });
  c.on_loop([&] {
    c.service.image_waits[0]({std::vector<std::string>(1000, std::string(5000, 'x')), 1000, false});
  });
  auto lines = answer.wait(c.io.waitScope);
  CHECK(lines.getLines().size() > 50);
  CHECK(lines.getLines().size() < 1000);
  CHECK(lines.getLines()[0].size() == 4096);
  CHECK(lines.getNextLine() == lines.getLines().size());
  CHECK(lines.getRunning());  // there is more to fetch
}

TEST_CASE("streams of no kind are refused, those of one are listed") {
  Controlled c;
  auto wait = c.control.awaitStreamRequest();
  wait.setStreamKind(9);
  CHECK(failure_of(wait.send(), c.io).find("no such kind") != std::string::npos);
  CHECK(failure_of(c.control.streamEventsRequest().send(), c.io).find("no such kind") !=
        std::string::npos);
  auto events = c.control.streamEventsRequest();
  events.setStreamKind(2);
  events.setFromVersion(4);
  events.setLimit(0xffffffff);
  auto sequences = events.send().wait(c.io.waitScope);
  REQUIRE(sequences.getSequences().size() == 2);
  CHECK(sequences.getSequences()[1] == 9);
  CHECK(c.on_loop([&] { return c.service.limit; }) == 16384);
  c.on_loop([&] { c.service.reads_fail = true; });
  auto failing = c.control.streamEventsRequest();
  failing.setStreamKind(2);
  CHECK(failure_of(failing.send(), c.io) == "disk full");
}

TEST_CASE(
    "verify reports one number at a time, runs once a client, and frees the sink at its end") {
  Controlled c;
  ProgressProbe::Heard heard;
  const auto verify = [&] {
    auto request = c.control.verifyRequest();
    request.setProgress(kj::heap<ProgressProbe>(heard));
    return request.send();
  };
  const auto running = [&] { return c.on_loop([&] { return c.service.progress != nullptr; }); };
  auto report = verify();
  wait_until(c.io, running);
  c.on_loop([&] {
    for (std::uint64_t i = 1; i <= 5; ++i) c.service.progress(i, 10);
  });
  wait_until(c.io, [&] { return !heard.done.empty(); });
  c.ping();
  CHECK(heard.done == std::vector<std::uint64_t>{1});
  heard.unanswered[0]->fulfill();
  wait_until(c.io, [&] {
    c.on_loop([&] { c.service.progress(9, 10); });  // left out until that answer has arrived
    return heard.done.size() == 2;
  });
  CHECK(heard.done[1] == 9);
  heard.unanswered[1]->fulfill();

  CHECK(failure_of(c.control.verifyRequest().send(), c.io).find("running already") !=
        std::string::npos);
  CHECK_FALSE(heard.gone);
  c.on_loop([&] {
    VerifySummary summary{.ok = true, .events = 8, .blocks = 2, .elapsed_ms = 3, .head = 8};
    summary.chain = "abc";
    summary.problems.assign(10'000, std::string(100, 'p'));
    std::exchange(c.service.verified, nullptr)(summary);
  });
  auto done = report.wait(c.io.waitScope);
  CHECK(done.getReport().getOk());
  CHECK(done.getReport().getChain() == "abc");
  CHECK(done.getReport().getProblems().size() > 1000);
  CHECK(done.getReport().getProblems().size() < 10'000);
  wait_until(c.io, [&] { return heard.gone; });
  c.on_loop([&] { c.service.progress(10, 10); });  // to nobody

  {
    auto cancelled = verify();
    c.ping();
  }
  c.ping();
  // The work goes on without its caller, and counts until it ends.
  CHECK(failure_of(c.control.verifyRequest().send(), c.io).find("running already") !=
        std::string::npos);
  c.on_loop([&] {
    c.service.progress(1, 1);
    std::exchange(c.service.verified, nullptr)(banger::fail("disk full"));
  });
  auto third = verify();
  c.ping();
  c.on_loop([&] { std::exchange(c.service.verified, nullptr)(banger::fail("disk full")); });
  CHECK(failure_of(kj::mv(third), c.io) == "disk full");
}

TEST_CASE("answers for a client that has gone do nothing") {
  Controlled c;
  c.on_loop([&] { c.service.keep_answers = true; });
  auto submitted = start_vm(c.control, "web").send();
  auto exec = c.control.openExecRequest();
  exec.initCommandId().setLo(1);
  auto opened = exec.send();
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.kept.size(); }) == 2; });
  const size_t fds = open_fds();
  c.disconnect();
  wait_until(c.io, [&] { return c.server.clients() == 0; });
  c.on_loop([&] {
    for (const auto& give : c.service.kept) give();
  });
  CHECK(c.happened() == std::vector<std::string>{"lease dropped"});
  CHECK(open_fds() < fds);  // the connection's are gone, and no key stayed
  c.on_loop([&] { c.service.kept.clear(); });
}

TEST_CASE("an answer that the service never gives fails its call alone") {
  Controlled c;
  c.on_loop([&] { c.service.keep_answers = true; });
  auto submitted = start_vm(c.control, "web").send();
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.kept.size(); }) == 1; });
  c.on_loop([&] { c.service.kept.clear(); });
  CHECK_FALSE(failure_of(kj::mv(submitted), c.io).empty());
  c.ping();
}

TEST_CASE("who waits is not idle, whoever else is") {
  Controlled c({.greeting_ms = kPatient.greeting_ms, .idle_ms = 200});
  auto answer = c.control.awaitStreamRequest();
  answer.setStreamKind(1);
  auto waiting = answer.send();
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.stream_waits.size(); }) == 1; });
  const Fd silent(connect_to(c.server.path()));
  wait_until(c.io, [&] { return c.server.clients() == 2; });
  wait_until(c.io, [&] { return c.server.clients() == 1; });
  c.on_loop([&] { c.service.stream_waits[0]({true, true, 1}); });
  CHECK(waiting.wait(c.io.waitScope).getChanged());
}

TEST_CASE("of a client's calls only so many are under way at once, and all are answered in the end") {
  constexpr std::size_t kCalls = 200;
  const std::size_t most = rpc::ServerLimits().unanswered_calls;
  Controlled c;
  kj::Vector<kj::Promise<void>> calls;
  for (std::size_t i = 0; i < kCalls; ++i) {
    auto wait = c.control.awaitStreamRequest();
    wait.setStreamKind(1);
    calls.add(wait.send().ignoreResult());
  }
  const auto waiting = [&] { return c.on_loop([&] { return c.service.stream_waits.size(); }); };
  wait_until(c.io, [&] { return waiting() >= most; });
  ProbeClient other(c.io, c.server.path());
  auto good = c.connect(other);
  for (int i = 0; i < 20; ++i) good.pingRequest().send().wait(c.io.waitScope);
  CHECK(waiting() <= most + 1);
  auto all = kj::joinPromises(calls.releaseAsArray()).eagerlyEvaluate(nullptr);
  std::size_t answered = 0;
  wait_until(c.io, [&] {
    c.on_loop([&] {
      for (; answered < c.service.stream_waits.size(); ++answered) c.service.stream_waits[answered]({true, true, 1});
    });
    return answered == kCalls;
  });
  all.wait(c.io.waitScope);
}

TEST_CASE("stop is answered, and says who asked") {
  Controlled c;
  auto hello = c.control.helloRequest();
  hello.setClient("ctl");
  hello.send().wait(c.io.waitScope);
  c.control.stopRequest().send().wait(c.io.waitScope);
  CHECK(c.happened() == std::vector<std::string>{"stop by ctl"});
}
