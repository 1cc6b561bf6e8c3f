#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "events/types.h"
#include "tests/cli/bangerctl/support.h"

using namespace banger;
using namespace banger::ctl::test;

namespace {

std::string told(ExecOutcome outcome, int code) {
  return std::to_string(static_cast<int>(outcome)) + " " + std::to_string(code);
}

// What banger-guest was called with, a word a line.
std::string call(const Place& place) {
  return place.text(place.path("call"));
}

}  // namespace

TEST_CASE("a command's bytes and exit code pass through untouched, and its end is recorded") {
  const Place place;
  const Ran ran =
      place.run({"vm", "exec", "web", "--", "sh", "-c", "cat; printf 'e\\377' >&2; exit 42"},
                std::string("in\0\xff\r\n", 7));
  CHECK(ran.code == 42);
  CHECK(ran.out == std::string("in\0\xff\r\n", 7));
  CHECK(ran.err == "e\xff");
  CHECK(place.lines("finished") == std::vector<std::string>{told(ExecOutcome::kExited, 42)});
  CHECK(call(place).find("--interactive\n") != std::string::npos);
  CHECK(call(place).find("--exec-id\n00000000000000e1\n") != std::string::npos);
  CHECK(call(place).find("--die-with-parent\n") != std::string::npos);
}

TEST_CASE("the words of a command reach the guest as they are") {
  const Place place;
  const Ran ran = place.run({"vm",  "exec", "-n",  "--timeout", "1500ms", "-e",   "A=b c",
                             "-w",  "/",    "web", "--",        "printf", "[%s]", "",
                             "a b", "--",   "-o",  "json",      "vm",     "ls",   "$HOME"});
  CHECK(ran.code == 0);
  CHECK(ran.out == "[][a b][--][-o][json][vm][ls][$HOME]");
  CHECK(call(place).find("--timeout\n2\n") != std::string::npos);  // whole seconds, never less
  CHECK(call(place).find("--env\nA=b c\n") != std::string::npos);
  CHECK(call(place).find("--cwd\n/\n") != std::string::npos);
  CHECK(call(place).find("--interactive\n") == std::string::npos);
}

TEST_CASE("run creates, waits, and runs") {
  const Place place;
  const Ran ran = place.run({"vm", "run", "--rm", "--name", "web", "--", "echo", "hello"});
  CHECK(ran.code == 0);
  CHECK(ran.out == "hello\n");
  CHECK(place.lines("effects").size() == 1);
  CHECK(place.run({"vm", "run", "-d"}).out == "web\n");
  CHECK(place.run({"vm", "create", "-q"}).out == "00000000000000a1\n");
}

TEST_CASE("a shell where no command is given") {
  const Place place;
  CHECK(place.run({"vm", "ssh", "web"}).out == "a shell\n");
  CHECK(call(place).starts_with("shell\n"));
}

TEST_CASE("the daemon's death does not disturb a command, and its end is recorded all the same") {
  const Place place;
  const Ran ran = place.run({"vm", "exec", "web", "--", "sh", "-c",
                             "kill -9 $(tail -n 1 $STUB_DATA/pids); echo on; exit 7"});
  CHECK(ran.code == 7);
  CHECK(ran.out == "on\n");
  CHECK(place.lines("resumed").size() == 1);
  CHECK(place.lines("finished") == std::vector<std::string>{told(ExecOutcome::kExited, 7)});
}

TEST_CASE("a helper that dies without a word leaves a lost command") {
  const Place place;
  ::setenv("STUB_GUEST_SILENT", "1", 1);
  const Ran ran = place.run({"vm", "exec", "web", "--", "true"});
  ::unsetenv("STUB_GUEST_SILENT");
  CHECK(ran.code == 125);
  CHECK(place.lines("finished") == std::vector<std::string>{told(ExecOutcome::kLost, 0)});
}

TEST_CASE("a signal for bangerctl goes to the command, whose end is still recorded") {
  const Place place;
  ::mkfifo(place.path("fifo").c_str(), 0600);
  // The command says that it runs by opening the other end; only then is there something to signal.
  const pid_t pid = place.start("signalled", {"vm", "exec", "web", "--", "sh", "-c",
                                              "trap 'exit 33' TERM; echo up > $STUB_DATA/../fifo; "
                                              "while :; do sleep 0.05; done"});
  CHECK(place.text(place.path("fifo")) == "up\n");
  REQUIRE(::kill(pid, SIGTERM) == 0);
  const Ran ran = place.finish("signalled", pid);
  CHECK(ran.code == 33);
  CHECK(place.lines("finished") == std::vector<std::string>{told(ExecOutcome::kExited, 33)});
}

TEST_CASE("a failure of banger's own is 125") {
  const Place place;
  const Ran ran = place.run({"--no-autostart", "vm", "exec", "web", "--", "true"});
  CHECK(ran.code == 125);
  CHECK(ran.err.starts_with("bangerctl: no daemon answers"));
}
