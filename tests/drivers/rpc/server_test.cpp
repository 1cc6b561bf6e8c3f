#include "drivers/rpc/server.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "drivers/uv/spawn.h"
#include "tests/drivers/rpc/fixture.h"

using namespace banger;
using namespace banger::rpc::test;
using banger::rpc::ServerLimits;

namespace {

std::string echo(Probe::Client probe, kj::AsyncIoContext& io, const std::string& text) {
  auto request = probe.echoRequest();
  request.setText(text);
  return request.send().wait(io.waitScope).getText().cStr();
}

class Counter final : public Listener::Server {
 public:
  explicit Counter(std::vector<uint32_t>& heard) : heard_(heard) {}
  kj::Promise<void> heard(HeardContext context) override {
    heard_.push_back(context.getParams().getNumber());
    return kj::READY_NOW;
  }

 private:
  std::vector<uint32_t>& heard_;
};

}  // namespace

TEST_CASE("calls are answered, one after the other and pipelined") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto probe = client.probe();
  for (int i = 0; i < 1000; ++i) REQUIRE(echo(probe, io, std::to_string(i)) == std::to_string(i));
  kj::Vector<kj::Promise<void>> all;
  int good = 0;
  for (int i = 0; i < 1000; ++i) {
    auto request = probe.echoRequest();
    request.setText(kj::str(i));
    all.add(request.send().then(
        [i, &good](auto response) { good += response.getText() == kj::str(i); }));
  }
  kj::joinPromises(all.releaseAsArray()).wait(io.waitScope);
  CHECK(good == 1000);
}

TEST_CASE("sixty-four clients at once are all served") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  std::vector<std::unique_ptr<ProbeClient>> clients;
  for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<ProbeClient>(io, server.path()));
  int good = 0;
  for (int round = 0; round < 10; ++round) {
    kj::Vector<kj::Promise<void>> all;
    for (const auto& client : clients) {
      auto request = client->probe().echoRequest();
      request.setText("hello");
      all.add(request.send().then([&](auto response) { good += response.getText() == "hello"; }));
    }
    kj::joinPromises(all.releaseAsArray()).wait(io.waitScope);
  }
  CHECK(good == 640);
  CHECK(server.clients() == 64);
  clients.clear();
  wait_until(io, [&] { return server.clients() == 0; });
}

TEST_CASE("a handler's failure and exception reach the client as words, and end only that call") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto probe = client.probe();
  auto request = probe.failRequest();
  request.setText("no VM named web; try: bangerctl vm ls");
  CHECK(failure_of(request.send(), io) == "no VM named web; try: bangerctl vm ls");
  CHECK(failure_of(probe.throwStdRequest().send(), io).find("thrown in a handler") !=
        std::string::npos);
  CHECK(echo(probe, io, "still here") == "still here");
}

TEST_CASE("a refused client is told why, and closed, whether it speaks or not") {
  ServerThread server({}, "uid 0 may not use this daemon");
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto request = client.probe().echoRequest();
  request.setText("hello");
  CHECK(failure_of(request.send(), io) == "uid 0 may not use this daemon");
  const Fd silent(connect_to(server.path()));
  std::string said(4096, '\0');
  said.resize(static_cast<size_t>(::recv(silent.get(), said.data(), said.size(), 0)));
  CHECK(said.find("uid 0 may not use this daemon") != std::string::npos);
  CHECK(::recv(silent.get(), said.data(), said.size(), 0) == 0);
  CHECK(server.clients() == 0);
}

TEST_CASE("the server calls back into a client's capability, in order") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  std::vector<uint32_t> heard;
  auto request = client.probe().pushRequest();
  request.setCount(500);
  request.setTo(kj::heap<Counter>(heard));
  request.send().wait(io.waitScope);
  REQUIRE(heard.size() == 500);
  CHECK(std::ranges::is_sorted(heard));
}

TEST_CASE("a capability carries an open descriptor to the client") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto file = client.probe().keyRequest().send().wait(io.waitScope).getFile();
  const auto fd = file.getFd().wait(io.waitScope);
  KJ_IF_MAYBE (number, fd) {
    char text[8] = {};
    CHECK(::pread(*number, text, sizeof text, 0) == 6);
    CHECK(std::string_view(text) == "secret");
    CHECK((::fcntl(*number, F_GETFD) & FD_CLOEXEC) != 0);
  } else {
    FAIL("no descriptor came");
  }
}

TEST_CASE("an answer that comes later is delivered, and a killed client's call is cancelled") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto answer = client.probe().slowRequest().send();
  wait_until(io, [&] { return server.seen().slow_calls == 1; });
  const auto killed = uv::spawn(
      {.argv = {"/proc/self/exe", "[.killed-client]"}, .env = {{"SOCKET=" + server.path()}}});
  REQUIRE(killed);
  wait_until(io, [&] { return server.seen().slow_calls == 2; });
  REQUIRE(uv::send_signal(killed->pidfd.get(), SIGKILL));
  wait_until(io, [&] { return server.seen().slow_cancelled == 1; });
  wait_until(io, [&] { return uv::reap(killed->pidfd.get()).value().has_value(); });
  server.answer_slow_calls("at last");
  CHECK(answer.wait(io.waitScope).getText() == "at last");
}

TEST_CASE("the client that is killed", "[.killed-client]") {
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, ::getenv("SOCKET"));
  client.probe().slowRequest().send().wait(io.waitScope);
}

TEST_CASE("a client that vanishes in the middle of a call takes the call with it") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  {
    ProbeClient client(io, server.path());
    auto answer = client.probe().slowRequest().send();
    wait_until(io, [&] { return server.seen().slow_calls == 1; });
    ::shutdown(KJ_ASSERT_NONNULL(client.stream->getFd()), SHUT_RDWR);
    CHECK_FALSE(failure_of(kj::mv(answer), io).empty());
  }
  wait_until(io, [&] { return server.clients() == 0; });
  wait_until(io, [&] { return server.seen().slow_cancelled == 1; });
  server.answer_slow_calls("to nobody");  // harmless
  ProbeClient next(io, server.path());
  CHECK(echo(next.probe(), io, "served") == "served");
}

TEST_CASE("stopping with calls pending fails them and leaves nothing") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto probe = client.probe();
  auto slow = probe.slowRequest().send();
  auto held = probe.slowHeldRequest().send();
  wait_until(io, [&] { return server.seen().slow_calls == 2; });
  server.stop_server();
  CHECK_FALSE(failure_of(kj::mv(slow), io).empty());
  CHECK_FALSE(failure_of(kj::mv(held), io).empty());
  CHECK(server.clients() == 0);
  wait_until(io, [&] { return server.seen().slow_cancelled == 2; });
  CHECK(::access(server.path().c_str(), F_OK) != 0);
}

TEST_CASE("a loop that ends with its server running and calls pending leaks nothing") {
  auto io = kj::setupAsyncIo();
  std::optional<kj::Promise<void>> lost;
  std::optional<ProbeClient> client;
  {
    ServerThread server;
    client.emplace(io, server.path());
    lost = client->probe().slowRequest().send().ignoreResult();
    wait_until(io, [&] { return server.seen().slow_calls == 1; });
  }
  CHECK_FALSE(failure_of(kj::mv(*lost), io).empty());
}

TEST_CASE("a call's cost", "[.bench]") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, server.path());
  auto probe = client.probe();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20'000; ++i) echo(probe, io, "x");
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  WARN("round trip " << took.count() / 20'000 << " us");
}
