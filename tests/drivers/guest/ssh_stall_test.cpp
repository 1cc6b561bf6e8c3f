// A guest whose ssh server stalls: after each part of what a real dropbear says to a command from beginning to end.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <thread>

#include "drivers/guest/ssh_client.h"
#include "drivers/uv/fd.h"
#include "tests/catch.h"
#include "tests/drivers/guest/child.h"
#include "tests/drivers/guest/ssh_server.h"

using namespace banger;
using namespace banger::guest;
using std::chrono::seconds;

namespace {

constexpr std::size_t kStalls = 8;

Fd connected_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

// Between one client and a server: passes on so many bytes of what the server says, then nothing more in either direction.
class Stall {
 public:
  Stall(std::uint16_t server, std::size_t bytes) : left_(bytes), to_server_(connected_to(server)) {
    thread_ = std::thread([this] { pass(); });
  }
  ~Stall() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    ended_ = true;
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  [[nodiscard]] std::size_t passed() const { return passed_; }

 private:
  void pass() {
    const Fd client(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    std::array<char, 4096> bytes;
    while (!ended_ && client) {
      std::array<pollfd, 2> ends{{{to_server_.get(), POLLIN, 0}, {client.get(), POLLIN, 0}}};
      if (::poll(ends.data(), left_ == 0 ? 0 : ends.size(), 10) <= 0) continue;
      if (ends[0].revents != 0) {
        const ssize_t got = ::recv(to_server_.get(), bytes.data(), std::min(bytes.size(), left_), 0);
        if (got <= 0) return;
        (void)::send(client.get(), bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
        left_ -= static_cast<std::size_t>(got);
        passed_ += static_cast<std::size_t>(got);
      }
      if (ends[1].revents != 0) {
        const ssize_t got = ::recv(client.get(), bytes.data(), bytes.size(), 0);
        if (got <= 0) return;
        (void)::send(to_server_.get(), bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
      }
    }
  }

  std::size_t left_;
  const Fd to_server_;
  SilentServer listener_;
  std::atomic<bool> ended_ = false;
  std::atomic<std::size_t> passed_ = 0;
  std::thread thread_;
};

// A connection and a command, together for so long.
SshResult<RunResult> ask(const SshServer& server, const Stall& stall, seconds time) {
  const Deadline deadline = std::chrono::steady_clock::now() + time;
  SshTarget target = server.target();
  target.port = stall.port();
  auto session = SshSession::connect(target, deadline);
  if (!session) return std::unexpected(session.error());
  return run(*session, "echo hello", {}, 100, deadline);
}

}  // namespace

TEST_CASE("an ssh server that stalls at any stage costs its deadline, and nothing that stays") {
  const SshServer server;
  const std::size_t before = open_descriptors();
  std::size_t all = 0;
  {
    const Stall none(server.target().port, SIZE_MAX);
    const auto whole = ask(server, none, seconds(60));
    REQUIRE(whole);
    CHECK(whole->out == "hello\n");
    all = none.passed();
  }
  // Without the last bytes there is no exit status; in them is only the connection's end.
  for (std::size_t i = 0; i < kStalls; ++i) {
    const std::size_t bytes = i * (all * 8 / 10) / kStalls;
    INFO("stalls after " << bytes << " of " << all << " bytes");
    const Stall stall(server.target().port, bytes);
    const auto stalled = ask(server, stall, seconds(2));
    REQUIRE_FALSE(stalled);
    const SshFault fault = stalled.error().fault;
    CHECK((fault == SshFault::no_banner || fault == SshFault::timed_out));
  }
  CHECK(open_descriptors() == before);
}
