// A real terminal on both sides.
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "tests/catch.h"
#include "tests/cli/banger-guest/helper.h"

using namespace banger::guest;

namespace {

class Terminal {
 public:
  Terminal() {
    winsize size{33, 101, 0, 0};
    REQUIRE(::openpty(&master_, &slave_, nullptr, nullptr, &size) == 0);
    ::fcntl(master_, F_SETFD, FD_CLOEXEC);
    ::fcntl(slave_, F_SETFD, FD_CLOEXEC);
  }
  ~Terminal() {
    ::close(master_);
    ::close(slave_);
  }
  [[nodiscard]] int slave() const { return slave_; }
  void type(std::string_view keys) {
    REQUIRE(::write(master_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }
  void resize(unsigned short rows, unsigned short columns) {
    winsize size{rows, columns, 0, 0};
    REQUIRE(::ioctl(master_, TIOCSWINSZ, &size) == 0);
  }
  // Reads on until `text` came; what came is gone from the next search.
  bool await(std::string_view text) {
    char bytes[4096];
    size_t at;
    while ((at = seen_.find(text)) == std::string::npos) {
      ssize_t n = ::read(master_, bytes, sizeof bytes);
      if (n <= 0) return false;
      seen_.append(bytes, static_cast<size_t>(n));
    }
    seen_.erase(0, at + text.size());
    return true;
  }
  [[nodiscard]] bool raw() const {
    termios mode{};
    REQUIRE(::tcgetattr(slave_, &mode) == 0);
    return (mode.c_lflag & ICANON) == 0;
  }

 private:
  int master_ = -1;
  int slave_ = -1;
  std::string seen_;
};

}  // namespace

TEST_CASE("a terminal: size, resize, keys, and the code at the end") {
  SshServer server;
  Helper helper(server);
  Terminal terminal;
  auto child = helper.start({"--tty", "--interactive"},
                            {"sh", "-c",
                             "trap 'stty size' WINCH; test -t 0 && stty size; "
                             "while ! read line; do :; done; echo got $line; exit 7"},
                            terminal.slave());
  REQUIRE(terminal.await("33 101\r\n"));
  CHECK(terminal.raw());
  terminal.resize(44, 55);
  REQUIRE(terminal.await("44 55\r\n"));
  terminal.type("abc\r");
  REQUIRE(terminal.await("got abc\r\n"));
  CHECK(child->finish().code == 7);
  CHECK_FALSE(terminal.raw());
}

TEST_CASE("ctrl-c reaches the command and not us") {
  SshServer server;
  Helper helper(server);
  Terminal terminal;
  auto child = helper.start({"--tty", "--interactive"}, {"sh", "-c", "echo ready; exec sleep 300"},
                            terminal.slave());
  REQUIRE(terminal.await("ready\r\n"));
  terminal.type("\x03");
  CHECK(child->finish().code == 130);
  CHECK(helper.outcome()["outcome"] == "signalled");
}

TEST_CASE("the terminal is as it was after a hang-up, a loss and an interruption") {
  SshServer server;
  Helper helper(server);
  for (const char* how : {"hang-up", "loss", "term"}) {
    INFO(how);
    Terminal terminal;
    auto child = helper.start({"--tty", "--interactive"},
                              {"sh", "-c", "echo ready; exec sleep 300"}, terminal.slave());
    REQUIRE(terminal.await("ready\r\n"));
    CHECK(terminal.raw());
    if (*how == 'h') ::kill(child->pid(), SIGHUP);
    if (*how == 't') ::kill(child->pid(), SIGTERM);
    if (*how == 'l') server.drop_connections();
    CHECK(child->finish().code > 124);
    CHECK_FALSE(terminal.raw());
  }
}

TEST_CASE("a login shell, and its code") {
  SshServer server;
  Helper helper(server);
  Terminal terminal;
  auto child = helper.start({"--tty", "--interactive"}, {}, terminal.slave(), "shell");
  terminal.type("echo $((40+2)) $TERM; exit 9\r");
  REQUIRE(terminal.await("42 "));
  CHECK(child->finish().code == 9);
}
