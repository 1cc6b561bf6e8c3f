// What a user gets from a command in a guest: codes, bytes, signals, and one line when it is
// banger's fault.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>

#include "tests/catch.h"
#include "tests/cli/banger-guest/helper.h"

using namespace banger::guest;

TEST_CASE("exit codes and signals are the command's") {
  SshServer server;
  Helper helper(server);
  for (int code : {0, 1, 42, 124, 125, 126, 127, 128, 143, 255}) {
    auto output = helper.run({}, {"sh", "-c", "exit " + std::to_string(code)});
    CHECK(output.code == code);
    CHECK(output.err.empty());
    CHECK(helper.outcome()["outcome"] == "exited");
    CHECK(helper.outcome()["code"] == code);
  }
  for (auto [name, code] :
       {std::pair("KILL", 137), std::pair("TERM", 143), std::pair("INT", 130)}) {
    auto output = helper.run({}, {"sh", "-c", std::string("kill -s ") + name + " $$"});
    CHECK(output.code == code);
    CHECK(output.err.empty());
    CHECK(helper.outcome()["outcome"] == "signalled");
  }
}

TEST_CASE("bytes go through untouched, both ways, and the streams stay apart") {
  SshServer server;
  Helper helper(server);
  std::string bytes;
  bytes.reserve(20'000'000);
  uint32_t state = 1;
  for (int i = 0; i < 20'000'000; ++i) {
    state = state * 1664525 + 1013904223;
    bytes += static_cast<char>(i < 256 ? i : state >> 24);
  }
  auto output = helper.run({"--interactive"}, {"cat"}, bytes);
  CHECK(output.code == 0);
  CHECK(output.out == bytes);  // not REQUIRE_THAT: 20 MB of diff help nobody
  output = helper.run({"--interactive"}, {"wc", "-c"}, bytes);
  CHECK(output.out == "20000000\n");
  output = helper.run({}, {"sh", "-c", "printf out; printf err >&2"});
  CHECK(output.out == "out");
  CHECK(output.err == "err");
  CHECK(helper.run({"--interactive"}, {"cat"}).code == 0);  // an end of input at once
  output = helper.run({}, {"cat"}, "not for the guest");    // no -i: stdin is closed
  CHECK(output.code == 0);
  CHECK(output.out.empty());
  CHECK(helper.run({"--interactive"}, {"true"}, bytes).code == 0);  // a command that reads nothing
}

TEST_CASE("words, environment, directory; long commands too") {
  SshServer server;
  Helper helper(server);
  std::vector<std::string> command{"printf", "%s\\0", "",      "-x",   "--",   "it's",
                                   "a\nb\n", "$(id)", "[a,b]", "\xff", "--tty"};
  std::string expected;
  for (size_t i = 2; i < command.size(); ++i) expected += command[i] + '\0';
  CHECK(helper.run({}, command).out == expected);
  command.emplace_back(100'000, '\'');
  expected += command.back() + '\0';
  CHECK(helper.run({}, command).out == expected);
  std::vector<std::string> longer{"sh", "-c", "cat; exit 4", std::string(20'000, 'x')};
  auto output = helper.run({"--interactive"}, longer, "stdin");  // staged, and stdin still its own
  CHECK(output.out == "stdin");
  CHECK(output.code == 4);
  output = helper.run({"--env", "A=b c", "--cwd", "/usr"}, {"sh", "-c", "echo $A; pwd"});
  CHECK(output.out == "b c\n/usr\n");
}

TEST_CASE("banger's own failures: 125 and one line") {
  SshServer server;
  Helper helper(server);
  auto output = helper.run({"--cwd", "/none"}, {"echo", "ran"});
  CHECK(output.code == 125);
  CHECK(output.out.empty());
  CHECK(output.err == "banger: cannot enter the directory /none\n");
  CHECK(helper.outcome()["outcome"] == "failed");

  helper.use_host_key(make_key_pair("x").value().public_line);
  output = helper.run({}, {"echo", "ran"});
  CHECK(output.code == 125);
  CHECK(output.err.starts_with("banger: the host key is not the one made for this VM"));
  CHECK(helper.outcome()["outcome"] == "failed");

  SilentServer silent;
  helper.use_port(silent.port());
  output = helper.run({"--connect-timeout", "1"}, {"echo", "ran"});
  CHECK(output.code == 125);
  CHECK(output.err.starts_with("banger: the connection was accepted, but no ssh server spoke"));
}

TEST_CASE("a timeout is 124 and leaves nothing running") {
  SshServer server;
  Helper helper(server);
  auto output = helper.run({"--timeout", "1"}, {"sh", "-c", "echo $$; sleep 300"});
  CHECK(output.code == 124);
  CHECK(helper.outcome()["outcome"] == "timed_out");
  CHECK(becomes([&] { return !running(std::stoi(output.out)); }));
  CHECK(helper.run({"--timeout", "100"}, {"true"}).code == 0);
}

TEST_CASE("signals are passed on, and a closed reader is felt by the command") {
  SshServer server;
  Helper helper(server);
  for (int number : {SIGINT, SIGTERM}) {
    auto child = helper.start({}, {"sh", "-c",
                                   "trap 'echo int; exit 5' INT; trap 'echo term; exit 5' TERM; "
                                   "echo ready; while :; do sleep 0.05; done"});
    REQUIRE(child->await("ready\n"));
    ::kill(child->pid(), number);
    auto output = child->finish();
    CHECK(output.code == 5);
    CHECK(output.out == (number == SIGINT ? "ready\nint\n" : "ready\nterm\n"));
  }
  auto child = helper.start({}, {"yes"});
  REQUIRE(child->await("y\n"));
  child->close_out();
  CHECK(child->finish().code == 141);
  CHECK(helper.outcome()["outcome"] == "signalled");
}

TEST_CASE("a process left behind does not hold the command up") {
  SshServer server;
  Helper helper(server);
  auto output = helper.run({}, {"sh", "-c", "sleep 300 & echo $!"});
  CHECK(output.code == 0);
  pid_t left = std::stoi(output.out);
  CHECK(::kill(left, SIGKILL) == 0);
}

TEST_CASE("a reader that does not read costs no memory, and loses nothing") {
  SshServer server;
  Helper helper(server);
  constexpr size_t kBytes = 200'000'000;
  auto child = helper.start({}, {"sh", "-c",
                                 "echo ready >&2; head -c 100000000 /dev/zero; echo stop >&2; "
                                 "head -c 100000000 /dev/zero"});
  char first;
  REQUIRE(::read(child->out(), &first, 1) == 1);
  // The command is held back once every buffer is full: its process no longer uses any time.
  auto held = [&] {
    std::ifstream io("/proc/" + std::to_string(child->pid()) + "/io");
    std::string word, value;
    io >> word >> value;
    return value;
  };
  std::string before;
  for (int still = 0; still < 5;) {
    std::string now = held();
    still = now == before ? still + 1 : 0;
    before = now;
    ::usleep(50'000);
  }
  CHECK(std::stoull(before) <
        16'000'000);  // bytes that banger-guest has read from the socket so far
  std::string rest(1 << 20, '\0');
  size_t got = 1;
  for (ssize_t n; (n = ::read(child->out(), rest.data(), rest.size())) > 0;) {
    got += static_cast<size_t>(n);
  }
  CHECK(got == kBytes);
  child->close_out();
  CHECK(child->finish().code == 0);
}
