// Small clients' connections, with a server that says each line again; "bye" is the last.
#include "drivers/uv/connections.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "tests/drivers/uv/support.h"

using namespace banger;
using namespace banger::uv;

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Fd listener(std::uint16_t& port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(fd.get(), 16) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

Fd dial(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

void say(const Fd& fd, std::string_view text) { (void)!::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL); }

// Up to the end of the connection.
std::string hear(const Fd& fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t got; (got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(got));
  return all;
}

void say_again(Exchange& exchange) {
  const auto end = exchange.in.find('\n');
  if (end == std::string::npos) return;
  exchange.out = exchange.in.substr(0, end + 1);
  exchange.in.erase(0, end + 1);
  exchange.last = exchange.out == "bye\n";
}

void serve(ConnectionLimits limits, const std::function<void(std::uint16_t)>& talk) {
  Loop loop;
  std::uint16_t port = 0;
  auto connections = Connections::open(loop, listener(port), limits, say_again);
  REQUIRE(connections);
  std::thread client([&] {
    talk(port);
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  client.join();
  connections->reset();
  loop.drain();
}

}  // namespace

TEST_CASE("questions that come at once are answered in order, up to the last") {
  std::string answers, whole, half;
  serve({}, [&](std::uint16_t port) {
    const Fd fd = dial(port);
    say(fd, "one\ntwo\nbye\nthree\n");
    answers = hear(fd);
    const Fd ended = dial(port);  // it has asked all, and hears all
    say(ended, "four\nfive\nhal");
    ::shutdown(ended.get(), SHUT_WR);
    whole = hear(ended);
    const Fd slow = dial(port);
    for (const char each : std::string_view("six\nbye\n")) say(slow, {&each, 1});
    half = hear(slow);
  });
  CHECK(answers == "one\ntwo\nbye\n");
  CHECK(whole == "four\nfive\n");
  CHECK(half == "six\nbye\n");
}

TEST_CASE("a client that reads nothing is not read on either, and goes at its deadline") {
  std::size_t taken = 0;
  serve({.deadline_ms = 200}, [&](std::uint16_t port) {
    const Fd fd = dial(port);
    const std::string line(1 << 16, 'x');
    // Until the connection is gone; buffers on the way hold some megabytes.
    for (ssize_t n; (n = ::send(fd.get(), line.data(), line.size() - 1, MSG_NOSIGNAL)) > 0 && ::send(fd.get(), "\n", 1, MSG_NOSIGNAL) == 1;) {
      taken += static_cast<std::size_t>(n);
    }
  });
  CHECK(taken < 256u << 20);
}

TEST_CASE("connections that are open when their owner goes are closed, and one too many is at once") {
  const auto before = uv::test::open_fds();
  std::string to_the_second = "something";
  Fd first;
  serve({.connections = 1}, [&](std::uint16_t port) {
    first = dial(port);
    to_the_second = hear(dial(port));
  });
  CHECK(to_the_second.empty());
  CHECK(hear(first).empty());
  first.reset();
  CHECK(uv::test::open_fds() == before);
}
