// A client written by hand on loopback: datagrams and connections as it likes.
#include "drivers/network/resolver.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "drivers/uv/fd.h"
#include "tests/catch.h"
#include "tests/drivers/network/dns_wire.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr Ipv4 kLoopback{0x7f00'0001};

Fd dial(int type, std::uint16_t port) {
  Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(kLoopback.value);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Fd();
  return fd;
}

void say(const Fd& fd, const Bytes& bytes) { (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }

// The next datagram, or what there is of a connection; nothing at its end.
Bytes hear(const Fd& fd) {
  pollfd waiting{fd.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 60'000) != 1) return {};
  Bytes buffer(4096);
  const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  buffer.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return buffer;
}

Bytes framed(const Bytes& query) {
  Bytes out;
  put16(out, static_cast<unsigned>(query.size()));
  return out + query;
}

// The next message of a connection; nothing at its end.
Bytes hear_framed(const Fd& fd, Bytes& rest) {
  for (;;) {
    if (rest.size() >= 2) {
      const auto length = static_cast<std::ptrdiff_t>(rest[0] << 8 | rest[1]);
      if (static_cast<std::ptrdiff_t>(rest.size()) >= length + 2) {
        Bytes message(rest.begin() + 2, rest.begin() + 2 + length);
        rest.erase(rest.begin(), rest.begin() + 2 + length);
        return message;
      }
    }
    const Bytes more = hear(fd);
    if (more.empty()) return {};
    rest = rest + more;
  }
}

// The resolver on a loop of this thread, while `talk` is a blocking client on another.
void serve(ResolverLimits limits, const std::function<void(uv::Loop&, Resolver&, std::uint16_t)>& talk) {
  uv::Loop loop;
  auto resolver = Resolver::listen(loop, kLoopback, 0, limits);
  REQUIRE(resolver);
  (*resolver)->set_names({{"web", {0xac10'0002}}});
  std::thread client([&, port = (*resolver)->port()] {
    talk(loop, **resolver, port);
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  client.join();
  resolver->reset();
  loop.drain();
}

}  // namespace

TEST_CASE("the resolver answers over UDP, and from the next table on it answers with that") {
  Answer first, unknown, moved, short_one;
  serve({}, [&](uv::Loop& loop, Resolver& resolver, std::uint16_t port) {
    const Fd fd = dial(SOCK_DGRAM, port);
    const Bytes asks = query("web.vm");
    say(fd, asks);
    first = read_answer(asks, hear(fd));
    say(fd, {1, 2, 3});  // dropped: the next answer is the next question's
    say(fd, query("db.vm"));
    unknown = read_answer(query("db.vm"), hear(fd));
    loop.post([&resolver] { resolver.set_names({{"web", {0xac10'0009}}}); });
    // Both are waiting at once, so one turn of the loop may take both: asked until the new table is seen.
    for (int tries = 0; tries < 1'000 && moved.address != "172.16.0.9"; ++tries) {
      say(fd, asks);
      moved = read_answer(asks, hear(fd));
    }
    say(fd, asks + Bytes(3'000, 0));
    short_one = read_answer(asks, hear(fd));
  });
  CHECK(first.address == "172.16.0.2");
  CHECK(unknown.rcode == kNxDomain);
  CHECK(moved.address == "172.16.0.9");
  CHECK(short_one.rcode == kFormErr);
}

TEST_CASE("over TCP one connection may ask many times, in pieces and in one go") {
  std::vector<Answer> answers;
  Bytes after_the_last{1};
  serve({}, [&](uv::Loop&, Resolver&, std::uint16_t port) {
    const Fd fd = dial(SOCK_STREAM, port);
    const Bytes asks = query("web.vm");
    Bytes rest;
    for (const std::uint8_t byte : framed(asks)) say(fd, {byte});
    answers.push_back(read_answer(asks, hear_framed(fd, rest)));
    Bytes many;
    for (int i = 0; i < 200; ++i) many = many + framed(asks);
    say(fd, many);
    ::shutdown(fd.get(), SHUT_WR);
    for (int i = 0; i < 200; ++i) answers.push_back(read_answer(asks, hear_framed(fd, rest)));
    after_the_last = hear_framed(fd, rest);
  });
  REQUIRE(answers.size() == 201);
  for (const Answer& answer : answers) CHECK(answer.address == "172.16.0.2");
  CHECK(after_the_last.empty());
}

TEST_CASE("a TCP client that misbehaves is dropped, and others are served") {
  Bytes to_too_long{1}, to_an_answer{1};
  Answer other;
  serve({}, [&](uv::Loop&, Resolver&, std::uint16_t port) {
    Bytes rest;
    const Fd too_long = dial(SOCK_STREAM, port);
    say(too_long, {0xff, 0xff, 1, 2, 3});
    to_too_long = hear_framed(too_long, rest);
    const Fd answer = dial(SOCK_STREAM, port);
    Bytes no_query = query("web.vm");
    no_query[2] |= 0x80;
    say(answer, framed(no_query));
    to_an_answer = hear_framed(answer, rest);
    const Fd next = dial(SOCK_STREAM, port);
    say(next, framed(query("web.vm")));
    other = read_answer(query("web.vm"), hear_framed(next, rest));
  });
  CHECK(to_too_long.empty());
  CHECK(to_an_answer.empty());
  CHECK(other.address == "172.16.0.2");
}

TEST_CASE("a TCP client that says nothing is closed at its deadline") {
  Bytes heard{1};
  serve({.tcp = {.deadline_ms = 20}}, [&](uv::Loop&, Resolver&, std::uint16_t port) {
    Bytes rest;
    heard = hear_framed(dial(SOCK_STREAM, port), rest);
  });
  CHECK(heard.empty());
}

TEST_CASE("beyond its connections the resolver closes those that come") {
  Bytes to_the_third{1};
  Answer to_the_first;
  serve({.tcp = {.connections = 2}}, [&](uv::Loop&, Resolver&, std::uint16_t port) {
    Bytes rest;
    const Fd one = dial(SOCK_STREAM, port), two = dial(SOCK_STREAM, port), three = dial(SOCK_STREAM, port);
    to_the_third = hear_framed(three, rest);
    say(one, framed(query("web.vm")));
    to_the_first = read_answer(query("web.vm"), hear_framed(one, rest));
  });
  CHECK(to_the_third.empty());
  CHECK(to_the_first.address == "172.16.0.2");
}

TEST_CASE("it listens on loopback alone, and says so when the port is taken") {
  uv::Loop loop;
  CHECK_FALSE(Resolver::listen(loop, {0xac10'0001}, 0));
  CHECK_FALSE(Resolver::listen(loop, {0}, 0));
  auto first = Resolver::listen(loop, kLoopback, 0);
  REQUIRE(first);
  const auto second = Resolver::listen(loop, kLoopback, (*first)->port());
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("listen on 127.0.0.1:") == 0);
  first->reset();
  loop.drain();
}
