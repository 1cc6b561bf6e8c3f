#include "drivers/vmm/qmp_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger::vmm;
using std::chrono::milliseconds;

namespace {

// The other side of a QMP socket for one connection, with whatever manners a test gives it.
class Peer {
 public:
  explicit Peer(std::function<void(int)> talk) : path_(dir_ / "qmp.sock") {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
    thread_ = std::thread([this, talk = std::move(talk)] {
      int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      talk(fd);
      ::close(fd);
    });
  }
  ~Peer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  banger::test::TempDir dir_;
  std::string path_;
  int listener_ = -1;
  std::thread thread_;
};

void say(int fd, std::string_view text) {
  (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

// Waits for one command, or for the client to go.
bool hear(int fd) {
  char c = 0;
  while (::read(fd, &c, 1) == 1) {
    if (c == '\n') return true;
  }
  return false;
}

constexpr std::string_view kGreeting = "{\"QMP\": {}}\n";

}  // namespace

TEST_CASE("answers are matched to commands, and events in between are kept") {
  Peer peer([](int fd) {
    say(fd, kGreeting);
    hear(fd);
    say(fd, "{\"return\": {}, \"id\": 1}\n");
    hear(fd);
    say(fd,
        "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\n");
    say(fd,
        "{\"return\": {\"status\": \"wrong\"}, \"id\": 99}\n{\"return\": {\"status\": \"paused\"}, "
        "\"id\": 2}\n");
  });
  auto client = QmpClient::connect(peer.path(), milliseconds(5000));
  REQUIRE(client);
  CHECK(client->query_status(milliseconds(5000)) == "paused");
  CHECK(client->await_shutdown(milliseconds(5000)) == Shutdown{true, "guest-reset"});
}

TEST_CASE("an error of QEMU's comes back in its words") {
  Peer peer([](int fd) {
    say(fd, kGreeting);
    hear(fd);
    say(fd, "{\"return\": {}, \"id\": 1}\n");
    hear(fd);
    say(fd, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": 2}\n");
  });
  auto client = QmpClient::connect(peer.path(), milliseconds(5000));
  REQUIRE(client);
  auto done = client->system_powerdown(milliseconds(5000));
  REQUIRE_FALSE(done);
  CHECK(done.error().message == "system_powerdown: not now");
}

TEST_CASE("a peer that says nothing costs no more than the deadline") {
  Peer peer([](int fd) { hear(fd); });
  auto client = QmpClient::connect(peer.path(), milliseconds(50));
  REQUIRE_FALSE(client);
  CHECK(client.error().sys_errno == ETIMEDOUT);
}

TEST_CASE("a peer that never stops sending is left") {
  Peer peer([](int fd) {
    say(fd, kGreeting);
    std::string flood;
    for (int i = 0; i < 2000; ++i) flood += "{\"event\": \"E\"}\n";
    say(fd, flood);
    hear(fd);
    hear(fd);
  });
  CHECK_FALSE(QmpClient::connect(peer.path(), milliseconds(5000)));
}

TEST_CASE("a VMM that goes away is told from one that says why") {
  Peer peer([](int fd) {
    say(fd, kGreeting);
    hear(fd);
    say(fd, "{\"return\": {}, \"id\": 1}\n");
  });
  auto client = QmpClient::connect(peer.path(), milliseconds(5000));
  REQUIRE(client);
  CHECK(client->await_shutdown(milliseconds(5000)) == Shutdown{});
}

TEST_CASE("without a VMM connecting says so") {
  banger::test::TempDir dir;
  auto client = QmpClient::connect(dir / "absent", milliseconds(1000));
  REQUIRE_FALSE(client);
  CHECK(client.error().sys_errno == ENOENT);
  CHECK_FALSE(QmpClient::connect(std::string(200, 'a'), milliseconds(1000)));
}
