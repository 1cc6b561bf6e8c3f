// The wrapper by itself, in each of the shells that a guest may have as /bin/sh. What ssh adds is
// tested with banger-guest.
#include "drivers/guest/exec_wrapper.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drivers/guest/quote.h"
#include "tests/catch.h"
#include "tests/drivers/guest/child.h"
#include "tests/drivers/guest/ssh_server.h"

using namespace banger::guest;
using Kind = ExecStatus::Kind;

namespace {

struct Guest {
  TempDir dir;
  int next = 0;

  // busybox is the shell that it is called as.
  explicit Guest(const std::string& shell) {
    auto real = run_child({"sh", "-c", "command -v " + shell}).out;
    real.pop_back();
    std::filesystem::create_symlink(real, dir.path() + "/sh");
  }
  ExecRequest request(std::vector<std::string> argv) {
    ExecRequest request;
    char id[17];
    std::snprintf(id, sizeof id, "%016x", ++next);
    request.id = id;
    request.argv = std::move(argv);
    request.state_dir = dir.path() + "/state";
    request.shell = dir.path() + "/sh";
    return request;
  }
  Output run(const ExecRequest& request, std::string_view input = {}) {
    return run_child({"sh", "-c", exec_command(request).value()}, input);
  }
  ExecStatus status(const ExecRequest& request) {
    auto output = run_child({"sh", "-c", status_command(request).value()});
    CHECK(output.code == 0);
    return parse_status(output.out).value();
  }
};

const char* const kShells[] = {"dash", "bash", "busybox"};

}  // namespace

TEST_CASE("codes and signals, kept and returned") {
  auto shell = GENERATE(from_range(std::begin(kShells), std::end(kShells)));
  INFO(shell);
  Guest guest(shell);
  for (int code : {0, 1, 42, 124, 125, 126, 127, 128, 129, 143, 255}) {
    auto request = guest.request({"sh", "-c", "exit " + std::to_string(code)});
    auto output = guest.run(request);
    CHECK(output.code == code);
    CHECK(output.err.empty());
    CHECK(guest.status(request).kind == Kind::exited);
    CHECK(guest.status(request).code == code);
  }
  for (const char* name : {"KILL", "TERM", "SEGV", "HUP", "INT", "PIPE", "USR1"}) {
    INFO(name);
    auto request = guest.request({"sh", "-c", std::string("kill -s ") + name + " $$"});
    auto output = guest.run(request);
    CHECK(output.code > 128);
    CHECK(output.err.empty());  // the shell's own word about it is not the command's
    CHECK(guest.status(request).kind == Kind::signalled);
    CHECK(guest.status(request).code == output.code);
  }
  CHECK(guest.run(guest.request({"no-such-program"})).code == 127);
}

TEST_CASE("stdin, stdout and stderr are the command's, byte for byte") {
  auto shell = GENERATE(from_range(std::begin(kShells), std::end(kShells)));
  INFO(shell);
  Guest guest(shell);
  std::string every;
  for (int i = 0; i < 4096; ++i) every += static_cast<char>(i % 256);
  auto output = guest.run(guest.request({"sh", "-c", "cat; echo problem >&2"}), every);
  CHECK(output.out == every);
  CHECK(output.err == "problem\n");

  std::vector<std::string> words{"printf", "%s\\0",     "",       "-x",  "--",           "a b",
                                 "it's",   "$(id)`id`", "a\nb\n", "a=b", "\xff\x01\x7f", "*"};
  std::string expected;
  for (size_t i = 2; i < words.size(); ++i) expected += words[i] + '\0';
  CHECK(guest.run(guest.request(words)).out == expected);
}

TEST_CASE("environment, directory and what is refused before the command") {
  auto shell = GENERATE(from_range(std::begin(kShells), std::end(kShells)));
  INFO(shell);
  Guest guest(shell);
  auto request = guest.request({"sh", "-c", "printf '%s|%s|' \"$A\" \"$UID_\"; pwd"});
  request.env = {"A=x 'y'\n$z", "UID_=\xff"};
  request.cwd = "/usr";
  CHECK(guest.run(request).out == "x 'y'\n$z|\xff|/usr\n");

  auto named = guest.request({"a=b"});
  named.env = {"A=1"};
  CHECK(guest.run(named).code == 127);  // a command's name, not a variable

  auto nowhere = guest.request({"echo", "ran"});
  nowhere.cwd = "/no such directory";
  auto output = guest.run(nowhere);
  CHECK(output.code == 125);
  CHECK(output.out.empty());
  CHECK(output.err == "banger: cannot enter the directory /no such directory\n");
  CHECK(guest.status(nowhere).kind == Kind::failed);
  CHECK(guest.status(nowhere).message == "cannot enter the directory /no such directory");

  auto nobody = guest.request({"echo", "ran"});
  nobody.run_as = "no-such-user";
  CHECK(guest.run(nobody).err == "banger: the guest has no user no-such-user\n");

  auto twice = guest.request({"echo", "ran"});
  CHECK(guest.run(twice).out == "ran\n");
  output = guest.run(twice);
  CHECK(output.code == 125);
  CHECK(output.out.empty());
  CHECK(guest.status(twice).kind == Kind::exited);
}

TEST_CASE("a timeout ends the whole process group, also one that ignores SIGTERM") {
  auto shell = GENERATE(from_range(std::begin(kShells), std::end(kShells)));
  INFO(shell);
  Guest guest(shell);
  auto request =
      guest.request({"sh", "-c", "trap '' TERM; sleep 300 & echo $!; sleep 300; sleep 300"});
  request.timeout_s = 1;
  request.grace_s = 1;
  auto output = guest.run(request);
  CHECK(output.code == kTimedOutCode);
  CHECK(guest.status(request).kind == Kind::timed_out);
  pid_t left = std::stoi(output.out);
  CHECK(becomes([left] { return !running(left); }));

  auto polite = guest.request({"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"});
  polite.timeout_s = 1;
  CHECK(guest.run(polite).code == kTimedOutCode);

  auto quick = guest.request({"true"});
  quick.timeout_s = 86'123;
  CHECK(guest.run(quick).code == 0);
  CHECK(becomes([] { return run_child({"pgrep", "-x", "-f", "sleep 86123"}).code == 1; }));
}

TEST_CASE("signals reach the group, also one sent before the command is there") {
  auto shell = GENERATE(from_range(std::begin(kShells), std::end(kShells)));
  INFO(shell);
  Guest guest(shell);
  auto request =
      guest.request({"sh", "-c", "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"});
  Child child({"sh", "-c", exec_command(request).value()});
  REQUIRE(child.await("ready\n"));
  CHECK(guest.status(request).kind == Kind::running);
  CHECK(run_child({"sh", "-c", signal_command(request, "INT").value()}).code == 0);
  CHECK(child.finish().code == 9);
  CHECK(run_child({"sh", "-c", signal_command(request, "INT").value()}).code ==
        0);  // too late: nothing

  auto early = guest.request({"echo", "ran"});
  CHECK(run_child({"sh", "-c", signal_command(early, "TERM").value()}).code == 0);
  CHECK(guest.status(early).kind == Kind::absent);
  auto output = guest.run(early);
  CHECK(output.code == 143);
  CHECK(output.out.empty());
}

TEST_CASE("a wrapper that was killed is gone, and not running for ever") {
  Guest guest("dash");
  auto request = guest.request({"sh", "-c", "echo ready; read x"});
  Child child({"sh", "-c", exec_command(request).value()});
  REQUIRE(child.await("ready\n"));
  ::kill(child.pid(), SIGKILL);
  (void)child.finish();
  CHECK(guest.status(request).kind == Kind::gone);
}

TEST_CASE("the guest's memory of finished commands is bounded") {
  Guest guest("dash");
  std::filesystem::create_directory(guest.dir.path() + "/state");
  for (int i = 0; i < 200; ++i) {
    char id[17];
    std::snprintf(id, sizeof id, "%016x", 0xf00 + i);
    for (const char* end : {".claim", ".pid", ".note", ".status"}) {
      std::ofstream(guest.dir.path() + "/state/" + id + end) << "exited 0\n";
    }
  }
  auto running = guest.request({"sh", "-c", "echo ready; read x"});
  Child child({"sh", "-c", exec_command(running).value()});
  REQUIRE(child.await("ready\n"));
  CHECK(guest.run(guest.request({"true"})).code == 0);
  std::filesystem::directory_iterator files(guest.dir.path() + "/state");
  CHECK(std::distance(begin(files), end(files)) <= 65 * 4);
  CHECK(guest.status(running).kind == Kind::running);
  (void)child.finish();
}

TEST_CASE("what can be no request or no status is refused") {
  ExecRequest request;
  request.argv = {"true"};
  request.id = "../../../etc/pass";
  CHECK_FALSE(exec_command(request));
  request.id = "0123456789abcdef";
  CHECK(exec_command(request));
  for (const char* bad : {"=x", "1A=x", "A", "A-B=x", "A\n=x"}) {
    request.env = {bad};
    CHECK_FALSE(exec_command(request));
  }
  request.env.clear();
  request.run_as = "root;id";
  CHECK_FALSE(exec_command(request));
  request.run_as.clear();
  request.argv = {std::string("a\0b", 3)};
  CHECK_FALSE(exec_command(request));
  request.argv.clear();
  CHECK_FALSE(exec_command(request));
  for (const char* bad : {"", "exited", "exited x", "exited 256", "exited -1", "odd 1", "\n"}) {
    CHECK_FALSE(parse_status(bad));
  }
}
