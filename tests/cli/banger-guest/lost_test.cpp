// The connection breaks and the command does not: what banger-guest finds out afterwards.
#include <signal.h>

#include <filesystem>
#include <thread>

#include "tests/catch.h"
#include "tests/cli/banger-guest/helper.h"

using namespace banger::guest;

TEST_CASE("a command that goes on without its connection still tells its code") {
  SshServer server;
  Helper helper(server);
  const std::string gate = server.home() + "/gate";
  auto child = helper.start(
      {}, {"sh", "-c", "echo ready; while ! [ -e gate ]; do sleep 0.05; done; exit 43"});
  REQUIRE(child->await("ready\n"));
  server.drop_connections();
  std::ofstream(gate) << "open";
  auto output = child->finish();
  CHECK(output.code == 43);
  CHECK(output.err.empty());
  CHECK(helper.outcome()["outcome"] == "exited");
}

TEST_CASE("a deadline is kept in the guest while nobody is connected") {
  SshServer server;
  Helper helper(server);
  auto child = helper.start({"--timeout", "2"}, {"sh", "-c", "echo ready; sleep 300"});
  REQUIRE(child->await("ready\n"));
  server.drop_connections();
  CHECK(child->finish().code == 124);
  CHECK(helper.outcome()["outcome"] == "timed_out");
}

TEST_CASE("a guest that is gone leaves the outcome unknown, and says so") {
  auto server = std::make_unique<SshServer>();
  Helper helper(*server);
  auto child = helper.start({}, {"sh", "-c", "echo $$; exec sleep 300"});
  REQUIRE(child->await("\n"));
  server->stop();
  auto output = child->finish();
  CHECK(output.code == 125);
  CHECK(output.err.starts_with(
      "banger: the connection was lost and the command's outcome is unknown"));
  CHECK(helper.outcome()["outcome"] == "lost");
  CHECK(::kill(std::stoi(output.out), SIGKILL) == 0);  // it did go on
}

TEST_CASE("somebody else on the port after a loss is not asked") {
  SshServer server;
  Helper helper(server);
  helper.use_host_key(make_key_pair("x").value().public_line);
  CHECK(helper.run({}, {"true"}).code == 125);
  CHECK_FALSE(std::filesystem::exists(server.state_dir()));
}

TEST_CASE("whoever waits for a lost command may stop waiting") {
  SshServer server;
  Helper helper(server);
  auto child = helper.start({}, {"sh", "-c", "echo $$; exec sleep 300"});
  REQUIRE(child->await("\n"));
  server.drop_connections();
  ::kill(child->pid(), SIGINT);
  auto output = child->finish();
  pid_t command = std::stoi(output.out);
  // Either the signal was passed on before the loss was seen, or the waiting ended.
  if (output.code == 125) {
    CHECK(helper.outcome()["outcome"] == "lost");
    ::kill(command, SIGKILL);
  } else {
    CHECK(output.code == 130);
    CHECK(becomes([command] { return !running(command); }));
  }
}
