// A client's way into a guest: the key as a descriptor, and the lease whose loss is told from its
// end.
#include <fcntl.h>

#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc::test;

namespace {

using Opened = capnp::Response<schema::Control::OpenExecResults>;

capnp::RemotePromise<schema::Control::OpenExecResults> open_exec(schema::Control::Client& control) {
  auto request = control.openExecRequest();
  request.initCommandId().setLo(5);
  request.setVm("web");
  request.initArgv(1).set(0, "ls");
  return request.send();
}

kj::Promise<void> finish(schema::ExecLease::Client& lease, std::uint16_t outcome,
                         std::uint32_t code) {
  auto request = lease.finishRequest();
  request.setOutcome(outcome);
  request.setCode(code);
  return request.send().ignoreResult();
}

bool lease_dropped(Controlled& c) {
  const auto happened = c.happened();
  return !happened.empty() && happened.back() == "lease dropped";
}

}  // namespace

TEST_CASE("an exec comes with where to go, a key to read, and a lease") {
  Controlled c;
  auto opened = open_exec(c.control).wait(c.io.waitScope);
  REQUIRE(opened.getReply().isAccepted());
  CHECK(opened.getExec() == 9);
  CHECK(opened.getVmId() == 7);
  CHECK(opened.getAccess().getHost() == "127.0.0.1");
  CHECK(opened.getAccess().getPort() == 2222);
  CHECK(opened.getAccess().getUser() == "root");
  CHECK(opened.getAccess().getHostKey() == "ssh-ed25519 AAAA");
  const auto fd = opened.getKey().getFd().wait(c.io.waitScope);
  KJ_IF_MAYBE (number, fd) {
    char text[8] = {};
    CHECK(::pread(*number, text, sizeof text, 0) == 6);
    CHECK(std::string_view(text) == "secret");
    CHECK((::fcntl(*number, F_GETFD) & FD_CLOEXEC) != 0);
  } else {
    FAIL("no descriptor came");
  }
  const auto submitted = c.on_loop([&] { return c.service.submitted; });
  REQUIRE(submitted.size() == 1);
  CHECK(std::get<StartExec>(submitted[0].ask).argv == std::vector<std::string>{"ls"});
  CHECK(submitted[0].request.starts_with("openExec:"));
}

TEST_CASE("a lease that is dropped, or whose client goes, is let go") {
  Controlled c;
  const bool gone = GENERATE(false, true);
  std::optional<Opened> opened = open_exec(c.control).wait(c.io.waitScope);
  c.ping();
  CHECK(c.on_loop([&] { return c.service.holds; }) == 1);
  if (gone) {
    c.disconnect();
  }
  opened.reset();
  wait_until(c.io, [&] { return lease_dropped(c); });
  CHECK(c.happened().size() == 1);  // nothing was finished
}

TEST_CASE(
    "a finished exec's lease goes after the finish, even where the client vanishes meanwhile") {
  Controlled c;
  const bool vanish = GENERATE(false, true);
  c.on_loop([&] { c.service.keep_answers = false; });
  auto opened = open_exec(c.control).wait(c.io.waitScope);
  c.on_loop([&] { c.service.keep_answers = true; });
  std::optional<schema::ExecLease::Client> lease = opened.getLease();
  CHECK(failure_of(finish(*lease, 77, 0), c.io).find("no such outcome") != std::string::npos);
  auto finished = finish(*lease, 1, 3).eagerlyEvaluate(nullptr);
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.kept.size(); }) == 1; });
  CHECK(failure_of(finish(*lease, 1, 4), c.io).find("finished already") != std::string::npos);
  if (vanish) {
    c.disconnect();
    wait_until(c.io, [&] { return c.server.clients() == 0; });
  }
  CHECK(c.happened() == std::vector<std::string>{"finish 7 9 exited 3"});
  c.on_loop([&] {
    for (const auto& give : std::exchange(c.service.kept, {})) give();
  });
  CHECK(c.happened() == std::vector<std::string>{"finish 7 9 exited 3", "lease dropped"});
  if (!vanish) finished.wait(c.io.waitScope);
  lease.reset();
}

TEST_CASE("an exec that is refused opens nothing; one without a key fails in words") {
  Controlled c;
  c.on_loop([&] { c.service.key_fails = true; });
  CHECK(failure_of(open_exec(c.control), c.io) == "no key");
  c.on_loop(
      [&] { c.service.answer = std::unexpected(Rejection{Refusal::kNotFound, "no VM web", ""}); });
  auto refused = open_exec(c.control).wait(c.io.waitScope);
  REQUIRE(refused.getReply().isRefused());
  CHECK(refused.getReply().getRefused().getKind() == 2);
  CHECK_FALSE(refused.hasKey());
  CHECK_FALSE(refused.hasLease());
  CHECK(c.happened().empty());
}

TEST_CASE("an exec is resumed while it lasts") {
  Controlled c;
  const auto resume = [&] {
    auto request = c.control.resumeExecRequest();
    request.setVmId(7);
    request.setExec(9);
    return request.send().wait(c.io.waitScope);
  };
  {
    auto resumed = resume();
    CHECK(resumed.getOpen());
    auto lease = resumed.getLease();
    finish(lease, 2, 9).wait(c.io.waitScope);
  }
  CHECK(c.happened() ==
        std::vector<std::string>{"resume 7 9", "finish 7 9 signalled 9", "lease dropped"});
  c.on_loop([&] { c.service.exec_over = true; });
  auto over = resume();
  CHECK_FALSE(over.getOpen());
  CHECK_FALSE(over.hasLease());
}

TEST_CASE("a client may hold so many execs and no more, and their keys are closed with them") {
  Controlled c;
  c.ping();
  const size_t before = open_fds();
  std::vector<Opened> opened;
  for (int i = 0; i < 64; ++i) opened.push_back(open_exec(c.control).wait(c.io.waitScope));
  auto surplus = open_exec(c.control).wait(c.io.waitScope);
  REQUIRE(surplus.getReply().isRefused());
  CHECK(surplus.getReply().getRefused().getKind() == 6);
  CHECK(failure_of(c.control.resumeExecRequest().send(), c.io).find("too many") !=
        std::string::npos);
  opened.clear();
  wait_until(c.io, [&] { return c.on_loop([&] { return c.service.holds; }) == 0; });
  wait_until(c.io, [&] { return open_fds() == before; });
  CHECK(open_exec(c.control).wait(c.io.waitScope).getReply().isAccepted());
}

TEST_CASE("an exec may be silent for as long as it likes") {
  Controlled c({.greeting_ms = kPatient.greeting_ms, .idle_ms = 200});
  auto opened = open_exec(c.control).wait(c.io.waitScope);
  const Fd silent(connect_to(c.server.path()));
  wait_until(c.io, [&] { return c.server.clients() == 2; });
  wait_until(c.io, [&] { return c.server.clients() == 1; });
  c.ping();
}
