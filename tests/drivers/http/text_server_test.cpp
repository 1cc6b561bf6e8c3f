// A client written by hand: bytes as it likes, when it likes.
#include "drivers/http/text_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "drivers/http/request.h"
#include "drivers/uv/fd.h"
#include "tests/catch.h"

using namespace banger;

namespace {

Fd dial(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Fd();
  return fd;
}

void say(const Fd& fd, std::string_view text) {
  (void)!::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

// Up to the end of the connection, however it ends.
std::string hear(const Fd& fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (got <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(got));
  }
}

// The server on a loop of its own thread, while `talk` is a blocking client.
void serve(uv::ConnectionLimits limits, const std::string& body, const std::function<void(std::uint16_t)>& talk) {
  uv::Loop loop;
  auto server = http::TextServer::listen(loop, "127.0.0.1:0", "/metrics", [&] { return body; }, limits);
  REQUIRE(server);
  std::thread client([&, port = (*server)->port()] {
    talk(port);
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  client.join();
  server->reset();
  loop.drain();
}

std::string get(std::uint16_t port, std::string_view request) {
  const Fd fd = dial(port);
  say(fd, request);
  return hear(fd);
}

}  // namespace

TEST_CASE("only loopback addresses are listened on") {
  for (const char* good : {"127.0.0.1:9477", "127.8.8.8:1", "localhost:80", "[::1]:9477"}) {
    INFO(good);
    CHECK(http::check_loopback(good));
  }
  for (const char* bad : {"0.0.0.0:9477", "10.0.0.1:80", ":80", "9477", "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                          "127.0.0.1:70000", "[::]:80", "example.org:80", "127.0.0.1:80 "}) {
    INFO(bad);
    CHECK_FALSE(http::check_loopback(bad));
  }
}

TEST_CASE("the text is given to GET, its length to HEAD, and a reason to everything else") {
  std::string page, head, elsewhere, posted, garbage, split;
  serve({}, "banger_vms 3\n", [&](std::uint16_t port) {
    page = get(port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    head = get(port, "HEAD /metrics HTTP/1.1\r\n\r\n");
    elsewhere = get(port, "GET / HTTP/1.1\r\n\r\n");
    posted = get(port, "POST /metrics HTTP/1.1\r\n\r\n");
    garbage = get(port, "\x16\x03\x01\r\n\r\n");
    const Fd slow = dial(port);
    say(slow, "GET /met");
    say(slow, "rics HTTP/1.1\r\n");
    say(slow, "\r\n");
    split = hear(slow);
  });
  CHECK(page.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(page.ends_with("\r\n\r\nbanger_vms 3\n"));
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(elsewhere.starts_with("HTTP/1.1 404 "));
  CHECK(posted.starts_with("HTTP/1.1 405 "));
  CHECK(garbage.starts_with("HTTP/1.1 400 "));
  CHECK(split == page);
}

TEST_CASE("a text larger than the socket's buffer comes whole") {
  const std::string body(8 << 20, 'x');
  std::string page;
  serve({}, body, [&](std::uint16_t port) { page = get(port, "GET /metrics HTTP/1.1\r\n\r\n"); });
  CHECK(page.size() > body.size());
  CHECK(page.ends_with(body.substr(0, 1000)));
}

TEST_CASE("who never ends his request, or never begins it, is dropped") {
  std::string endless, silent = "something";
  serve({.deadline_ms = 50}, "x\n", [&](std::uint16_t port) {
    endless = get(port, "GET /metrics HTTP/1.1\r\nX: " + std::string(2 * http::kMaxHeadBytes, 'y'));
    silent = hear(dial(port));
  });
  CHECK((endless.empty() || endless.starts_with("HTTP/1.1 431 ")));
  CHECK(silent.empty());
}

TEST_CASE("more clients than allowed are turned away, and room is found again") {
  std::string refused = "something", page;
  serve({.connections = 1}, "x\n", [&](std::uint16_t port) {
    Fd first = dial(port);
    say(first, "GET");
    refused = hear(dial(port));
    say(first, " /metrics HTTP/1.1\r\n\r\n");
    (void)hear(first);
    first.reset();
    // The place is free once the loop has seen the end.
    for (int i = 0; i < 1000 && page.empty(); ++i) page = get(port, "GET /metrics HTTP/1.1\r\n\r\n");
  });
  CHECK(refused.empty());
  CHECK(page.starts_with("HTTP/1.1 200 OK\r\n"));
}
