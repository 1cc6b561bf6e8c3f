// What one client can do to the others, and to us: nothing.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "tests/drivers/rpc/fixture.h"

using namespace banger;
using namespace banger::rpc::test;
using banger::rpc::ServerLimits;

namespace {

bool served(kj::AsyncIoContext& io, ProbeClient& client) {
  auto request = client.probe().echoRequest();
  request.setText("hello");
  return request.send().wait(io.waitScope).getText() == "hello";
}

// True once the server has closed this connection; what it said before that is passed over.
bool closed(int fd) {
  char bytes[4096];
  ssize_t n;
  do n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  while (n > 0);
  return n == 0 || errno == ECONNRESET;
}

}  // namespace

TEST_CASE("a message beyond the limit ends its sender's connection and nobody else's") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path()), bad(io, server.path());
  REQUIRE(served(io, good));
  auto request = bad.probe().echoRequest();
  request.setText(std::string(2 << 20, 'x'));
  CHECK_FALSE(failure_of(request.send(), io).empty());
  CHECK(served(io, good));
  wait_until(io, [&] { return server.clients() == 1; });
  auto below = good.probe().echoRequest();
  below.setText(std::string(500 << 10, 'x'));
  CHECK(below.send().wait(io.waitScope).getText().size() == 500 << 10);
}

TEST_CASE("garbage ends its sender's connection and nobody else's") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path());
  const Fd bad(connect_to(server.path()));
  const std::string garbage(4096, '\x7f');  // two billion segments
  CHECK(::send(bad.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL) > 0);
  wait_until(io, [&] { return closed(bad.get()); });
  CHECK(served(io, good));
}

TEST_CASE("clients beyond the limit are closed at once, and may come back when others have gone") {
  const bool per_uid = GENERATE(false, true);
  ServerThread server(per_uid ? ServerLimits{.connections_per_uid = 3}
                              : ServerLimits{.connections = 3});
  auto io = kj::setupAsyncIo();
  std::vector<std::unique_ptr<ProbeClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<ProbeClient>(io, server.path()));
    REQUIRE(served(io, *clients.back()));
  }
  for (int i = 0; i < 20; ++i) {
    const Fd surplus(connect_to(server.path()));
    wait_until(io, [&] { return closed(surplus.get()); });
  }
  CHECK(server.seen().logged("too many clients"));
  CHECK(server.seen().logged("of uid") == per_uid);
  CHECK(server.clients() == 3);
  CHECK(served(io, *clients[0]));
  clients.pop_back();
  wait_until(io, [&] { return server.clients() == 2; });
  ProbeClient again(io, server.path());
  CHECK(served(io, again));
}

TEST_CASE("an idle client is dropped; one with a held call is not, until it ends") {
  ServerThread server({.idle_ms = 200});
  auto io = kj::setupAsyncIo();
  ProbeClient held(io, server.path());
  auto answer = held.probe().slowHeldRequest().send();
  wait_until(io, [&] { return server.seen().slow_calls == 1; });
  const Fd silent(connect_to(server.path()));
  {
    ProbeClient idle(io, server.path());
    REQUIRE(served(io, idle));
    wait_until(io, [&] { return server.clients() == 1; });  // both idle ones are gone
  }
  CHECK(closed(silent.get()));
  CHECK(server.seen().logged("idle"));
  server.answer_slow_calls("kept");
  CHECK(answer.wait(io.waitScope).getText() == "kept");
  wait_until(io, [&] { return server.clients() == 0; });
}

TEST_CASE("a client that stalls within a message is dropped, at whatever byte") {
  // Of a message of one segment with 8 words: the header says so, then comes part of it.
  const char message[16] = {0, 0, 0, 0, 8, 0, 0, 0};
  ServerThread server({.message_ms = 100, .idle_ms = 3'600'000});
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path());
  REQUIRE(served(io, good));
  const Fd quiet(connect_to(server.path()));  // silent, but within no message
  for (const size_t size : {1, 8, 15}) {
    const Fd bad(connect_to(server.path()));
    REQUIRE(::send(bad.get(), message, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
    wait_until(io, [&] { return closed(bad.get()); });
  }
  // One that keeps sending, a byte at a time, gets no more time for it.
  const Fd slow(connect_to(server.path()));
  size_t sent = 0;
  wait_until(io, [&] {
    if (sent < sizeof message) {
      sent += ::send(slow.get(), message + sent, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
    }
    return closed(slow.get());
  });
  CHECK(server.seen().logged("a message stalled"));
  CHECK_FALSE(closed(quiet.get()));
  CHECK(served(io, good));
}

namespace {

// Asks for so many blobs of half a megabyte, and its loop stands still.
kj::Vector<kj::Promise<void>> ask_for_blobs(Probe::Client probe, kj::AsyncIoContext& io, int count) {
  kj::Vector<kj::Promise<void>> answers;
  for (int i = 0; i < count; ++i) {
    auto request = probe.blobRequest();
    request.setBytes(500 << 10);
    answers.add(request.send().ignoreResult().eagerlyEvaluate(nullptr));
  }
  kj::evalLast([] {}).wait(io.waitScope);  // they are sent
  return answers;
}

void await_logged(ServerThread& server, std::string_view words) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!server.seen().logged(words)) {
    if (std::chrono::steady_clock::now() >= limit) FAIL("it was not dropped within a minute");
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("a client that does not read its answers is dropped") {
  ServerThread server({.message_ms = 100});
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path());
  {
    ProbeClient bad(io, server.path());
    REQUIRE(served(io, bad));
    const auto answers = ask_for_blobs(bad.probe(), io, 8);
    await_logged(server, "does not read");
  }
  CHECK(served(io, good));
}

TEST_CASE("who fetches no answers is not read from, however many it asks for, and goes on where it does") {
  ServerThread server({.message_ms = 3'600'000});
  kj::AsyncIoContext io = kj::setupAsyncIo();
  ProbeClient bad(io, server.path());
  REQUIRE(served(io, bad));
  auto answers = ask_for_blobs(bad.probe(), io, 100);
  std::thread([&] {  // another client, so that this one stands still
    auto other_io = kj::setupAsyncIo();
    ProbeClient good(other_io, server.path());
    for (int i = 0; i < 50; ++i) CHECK(served(other_io, good));
  }).join();
  CHECK(server.seen().blobs < 16);  // 1 MiB in the queue, as much again in sockets and on the way
  CHECK(server.clients() == 1);
  kj::joinPromises(answers.releaseAsArray()).wait(io.waitScope);
  CHECK(server.seen().blobs == 100);
}

TEST_CASE("where all clients together fetch too little, whoever has the most is dropped") {
  ServerThread server({.unfetched_bytes = 4 << 20, .all_unfetched_bytes = 5 << 20, .message_ms = 3'600'000});
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path()), some(io, server.path()), most(io, server.path());
  for (ProbeClient* each : {&good, &some, &most}) REQUIRE(served(io, *each));
  const auto few = ask_for_blobs(some.probe(), io, 3);
  const auto many = ask_for_blobs(most.probe(), io, 30);
  await_logged(server, "it fetches no answers");
  CHECK(server.clients() == 2);
  CHECK(served(io, good));
  CHECK(served(io, some));
}

TEST_CASE("a client that never says hello is dropped, whatever else it says") {
  // The stand-in greets where it is asked for; this one never does.
  ServerThread server({.greeting_ms = 100}, [&](const banger::rpc::Client&) -> Result<capnp::Capability::Client> {
    struct Mute final : Probe::Server {
      kj::Promise<void> echo(EchoContext context) override {
        context.getResults().setText("hello");
        return kj::READY_NOW;
      }
    };
    return Probe::Client(kj::heap<Mute>());
  });
  auto io = kj::setupAsyncIo();
  const Fd silent(connect_to(server.path()));
  ProbeClient chatty(io, server.path());
  auto probe = chatty.probe();
  bool gone = false;
  wait_until(io, [&] {
    auto request = probe.echoRequest();
    request.setText("hello");
    gone = gone || !failure_of(request.send(), io).empty();
    return gone && closed(silent.get());
  });
  CHECK(server.seen().logged("it said no hello"));
}

TEST_CASE("unanswered calls are bounded: beyond, a client is not read from") {
  ServerThread server({.unanswered_bytes = 16 << 10});
  auto io = kj::setupAsyncIo();
  ProbeClient bad(io, server.path()), good(io, server.path());
  auto probe = bad.probe();
  kj::Vector<kj::Promise<void>> answers;
  for (int i = 0; i < 2000; ++i) answers.add(probe.slowRequest().send().ignoreResult());
  wait_until(io, [&] { return server.seen().slow_calls > 50; });
  for (int i = 0; i < 20; ++i) REQUIRE(served(io, good));
  CHECK(server.seen().slow_calls < 1000);
  // They all get through in the end, as answers make room.
  auto all = kj::joinPromises(answers.releaseAsArray()).eagerlyEvaluate(nullptr);
  wait_until(io, [&] {
    server.answer_slow_calls("ok");
    return server.seen().slow_calls == 2000;
  });
  server.answer_slow_calls("ok");
  all.wait(io.waitScope);
}

TEST_CASE("running out of descriptors delays clients and does not spin or crash") {
  ServerThread server;
  auto io = kj::setupAsyncIo();
  ProbeClient good(io, server.path());
  REQUIRE(served(io, good));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  // The client's socket exists already; only the server's accept() needs another number.
  const Fd waiting(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit tight = before;
  tight.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  server.path().copy(address.sun_path, sizeof address.sun_path - 1);
  const int rc = ::connect(waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  wait_until(io, [&] { return server.seen().logged("accept"); });
  const bool still = served(io, good);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(rc == 0);
  CHECK(still);
  wait_until(io, [&] { return server.clients() == 2; });
  const std::lock_guard lock(server.seen().mutex);
  CHECK(std::ranges::count_if(server.seen().log, [](const std::string& line) {
          return line.find("accept") != std::string::npos;
        }) < 600);  // one each 100 ms, for at most the minute that wait_until gives
}
