// bangerd as systemd sees it: a datagram socket instead of systemd hears what the daemon tells.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "drivers/uv/fd.h"
#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

class Listener {
 public:
  explicit Listener(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  // The next thing that is told, if anything has been; waits a minute at most where it is to come.
  std::string next() const {
    std::string text;
    CHECK(eventually([&] { return !(text = told()).empty(); }));
    return text;
  }
  std::string told() const {
    char text[512];
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return {text, size < 0 ? 0 : static_cast<std::size_t>(size)};
  }

 private:
  Fd socket_;
};

const std::string kDir = "/tmp/banger-supervised-" + std::to_string(::getpid());

std::vector<std::string> environment(bool watched) {
  std::vector<std::string> all{"NOTIFY_SOCKET=" + kDir + "/notify"};
  if (watched) all.push_back("WATCHDOG_USEC=20000");
  return all;
}

char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto at = text.rfind(')');
  return at == std::string::npos ? '?' : text[at + 2];
}

}  // namespace

TEST_CASE("systemd is told when the daemon serves, that its loop turns, and that it stops") {
  Sandbox banger("tick_ms = 500\n", {kDir, BANGER_BIN_DIR, environment(true)});
  const Listener systemd(kDir + "/notify");
  REQUIRE(banger.ctl({"vm", "ls"}).code == 0);
  const std::string ready = systemd.next();
  CHECK(ready.starts_with("READY=1\nSTATUS=serves "));
  for (int i = 0; i < 3; ++i) CHECK(systemd.next() == "WATCHDOG=1");

  // A daemon that stands still says nothing: what it had said before is heard, and then no more until it goes on.
  const pid_t daemon = banger.daemon();
  REQUIRE(::kill(daemon, SIGSTOP) == 0);
  REQUIRE(eventually([&] { return state_of(daemon) == 'T'; }));
  while (!systemd.told().empty()) continue;
  ::poll(nullptr, 0, 200);  // ten of its intervals
  CHECK(systemd.told().empty());
  REQUIRE(::kill(daemon, SIGCONT) == 0);
  CHECK(systemd.next() == "WATCHDOG=1");

  REQUIRE(::kill(daemon, SIGTERM) == 0);
  std::string last = systemd.next();
  while (last == "WATCHDOG=1") last = systemd.next();
  CHECK(last == "STOPPING=1\nSTATUS=stopping; VMs go on");
  CHECK(eventually([&] { return banger.processes().empty(); }));
  CHECK(banger.leave() == "");
}

TEST_CASE("where nobody watches, nothing is said again and again") {
  Sandbox banger("tick_ms = 500\n", {kDir, BANGER_BIN_DIR, environment(false)});
  const Listener systemd(kDir + "/notify");
  REQUIRE(banger.ctl({"vm", "ls"}).code == 0);
  CHECK(systemd.next().starts_with("READY=1\n"));
  REQUIRE(banger.ctl({"daemon", "stop"}).code == 0);
  CHECK(systemd.next().starts_with("STOPPING=1\n"));
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
