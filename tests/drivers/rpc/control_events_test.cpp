// Events on their way out: pages, followers, and sinks that are slow, fail, or are killed.
#include <signal.h>

#include <array>
#include <cstdlib>

#include "drivers/uv/spawn.h"
#include "tests/drivers/rpc/control_fixture.h"

using namespace banger;
using namespace banger::rpc::test;

namespace {

struct Taken {
  std::vector<std::string> events;
  std::vector<std::uint32_t> actors;
  int batches = 0;
  int batches_without_events = 0;
  std::size_t largest = 0;
  bool hold = false;  // the next pushes wait
  bool fail = false;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> held;

  void release() {
    hold = false;
    for (auto& fulfiller : std::exchange(held, {})) fulfiller->fulfill();
  }
};

class Sink final : public schema::EventSink::Server {
 public:
  explicit Sink(Taken& taken) : taken_(taken) {}

 protected:
  kj::Promise<void> push(PushContext context) override {
    const auto batch = context.getParams().getBatch();
    ++taken_.batches;
    taken_.batches_without_events += batch.getEvents().size() == 0;
    std::size_t bytes = 0;
    for (auto event : batch.getEvents()) {
      bytes += event.getOpen().size() + event.getPersonal().size();
      const auto open = event.getOpen().asChars();
      taken_.events.emplace_back(open.begin(), std::min<size_t>(open.size(), 8));
    }
    taken_.largest = std::max(taken_.largest, bytes);
    for (auto entry : batch.getInterned()) taken_.actors.push_back(entry.getNumber());
    if (taken_.fail) return KJ_EXCEPTION(FAILED, "full");
    if (!taken_.hold) return kj::READY_NOW;
    auto pair = kj::newPromiseAndFulfiller<void>();
    taken_.held.push_back(kj::mv(pair.fulfiller));
    return kj::mv(pair.promise);
  }

 private:
  Taken& taken_;
};

schema::Handle::Client follow(kj::AsyncIoContext& io, schema::Control::Client& control,
                              Taken& taken, std::uint64_t from = 1) {
  auto request = control.followRequest();
  request.setFrom(from);
  request.setSink(kj::heap<Sink>(taken));
  return request.send().wait(io.waitScope).getHandle();
}

std::string numbered(std::size_t number, std::size_t size = 8) {
  std::string text = std::to_string(10'000'000 + number);
  text.resize(size, '.');
  return text;
}

void append(Controlled& c, std::size_t count, std::size_t size = 8) {
  c.on_loop([&] {
    for (std::size_t i = 0; i < count; ++i) {
      c.service.append(numbered(c.service.log.size() + 1, size));
    }
  });
}

bool in_order(const Taken& taken, std::size_t first = 1) {
  for (std::size_t i = 0; i < taken.events.size(); ++i) {
    if (taken.events[i] != numbered(first + i)) return false;
  }
  return true;
}

// Of the service, once there are at least so many.
int reads(Controlled& c, int least) {
  int seen = 0;
  wait_until(c.io, [&] { return (seen = c.on_loop([&] { return c.service.reads; })) >= least; });
  return seen;
}

size_t followers(Controlled& c) {
  return c.on_loop([&] { return c.service.wakes.size(); });
}

}  // namespace

TEST_CASE("a page of events is bounded, whole, and says where to go on") {
  Controlled c;
  append(c, 300, 4096);
  c.on_loop(
      [&] { c.service.interned = {{InternTable::kActor, 1, "a"}, {InternTable::kBoot, 1, "b"}}; });
  auto request = c.control.eventsRequest();
  request.setFrom(0);  // as 1
  request.setMaxBytes(0xffffffff);
  request.setKnownActors(1);
  auto page = request.send().wait(c.io.waitScope);
  const auto batch = page.getBatch();
  CHECK(c.on_loop([&] { return c.service.limit; }) == 256 << 10);
  CHECK(batch.getEvents().size() == 63);
  CHECK(batch.getNextSequence() == 64);
  CHECK(batch.getHeadSequence() == 300);
  CHECK(batch.getEvents()[0].getOpen().size() == 4096);
  CHECK(batch.getEvents()[0].getDigest().size() == 32);
  CHECK(batch.getEvents()[0].getDigest()[1] == 2);
  REQUIRE(batch.getInterned().size() == 1);
  CHECK(batch.getInterned()[0].getTable() == 2);
  c.on_loop([&] { c.service.reads_fail = true; });
  CHECK(failure_of(c.control.eventsRequest().send(), c.io) == "disk full");
}

TEST_CASE("a follower gets what was there, and what comes, in order and once") {
  Controlled c;
  append(c, 2500);
  c.on_loop([&] { c.service.interned = {{InternTable::kActor, 1, "a"}}; });
  Taken taken;
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.events.size() == 2500; });
  for (int i = 0; i < 100; ++i) append(c, 1);
  c.on_loop([&] { c.service.interned.push_back({InternTable::kActor, 2, "b"}); });
  append(c, 50);
  wait_until(c.io, [&] { return taken.events.size() == 2650; });
  CHECK(in_order(taken));
  CHECK(taken.actors == std::vector<std::uint32_t>{1, 2});
  Taken later;
  const auto second = follow(c.io, c.control, later, 2600);
  wait_until(c.io, [&] { return later.events.size() == 51; });
  CHECK(in_order(later, 2600));
  CHECK(later.actors == std::vector<std::uint32_t>{1, 2});  // each follower is told on its own
}

TEST_CASE("what several followers read at the same place is read once") {
  Controlled c;
  append(c, 7 * 63, 4096);  // batches, all of which are kept
  std::array<Taken, 3> all;
  std::vector<schema::Handle::Client> handles;
  for (Taken& taken : all) {
    handles.push_back(follow(c.io, c.control, taken));
    wait_until(c.io, [&] { return taken.events.size() == 7 * 63; });
    CHECK(in_order(taken));
  }
  CHECK(reads(c, 7 + 3) == 7 + 3);  // that there is no more, each saw on its own
  append(c, 1);
  for (Taken& taken : all) wait_until(c.io, [&] { return taken.events.size() == 7 * 63 + 1; });
  CHECK(reads(c, 10 + 1 + 3) == 10 + 1 + 3);
}

TEST_CASE("whoever fell behind reads from the log, and what is kept is bounded") {
  Controlled c;
  append(c, 63 * 20, 4096);
  Taken first, second;
  const auto one = follow(c.io, c.control, first);
  wait_until(c.io, [&] { return first.events.size() == 63 * 20; });
  const auto two = follow(c.io, c.control, second);
  wait_until(c.io, [&] { return second.events.size() == 63 * 20; });
  CHECK(in_order(second));
  CHECK(reads(c, 2 * (20 + 1)) == 2 * (20 + 1));
}

TEST_CASE("after an erasure nobody gets what was read before it") {
  Controlled c;
  append(c, 3);
  Taken before, after;
  const auto one = follow(c.io, c.control, before);
  wait_until(c.io, [&] { return before.events.size() == 3; });
  c.on_loop([&] { c.service.log[0].open = "gone"; });
  auto erase = c.control.logCareRequest().send().getCare().eraseRequest();
  erase.setVmId(7);
  erase.send().wait(c.io.waitScope);
  const auto two = follow(c.io, c.control, after);
  wait_until(c.io, [&] { return after.events.size() == 3; });
  CHECK(after.events[0] == "gone");
}

TEST_CASE("events that come while a page is being read are not slept through") {
  Controlled c;
  Taken taken;
  c.on_loop([&] { c.service.during_read = [&] { c.service.append(numbered(1)); }; });
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.events.size() == 1; });
  CHECK(in_order(taken));
}

TEST_CASE("a slow sink has one batch on its way, and slows nobody else") {
  Controlled c;
  append(c, 1000, 4096);
  Taken slow, fast;
  slow.hold = true;
  const auto slow_handle = follow(c.io, c.control, slow);
  wait_until(c.io, [&] { return slow.batches == 1; });
  for (int i = 0; i < 20; ++i) c.ping();
  append(c, 1, 4096);
  for (int i = 0; i < 20; ++i) c.ping();
  CHECK(slow.batches == 1);
  CHECK(c.on_loop([&] { return c.service.reads; }) == 1);  // nothing is read ahead
  const auto fast_handle = follow(c.io, c.control, fast);
  wait_until(c.io, [&] { return fast.events.size() == 1001; });
  CHECK(slow.batches == 1);
  CHECK(fast.largest <= 256 << 10);
  CHECK(fast.batches >= 16);
  slow.release();
  wait_until(c.io, [&] { return slow.events.size() == 1001; });
  CHECK(in_order(slow));
  CHECK(in_order(fast));
}

TEST_CASE("thousands of batches are followed as one") {
  Controlled c;
  c.on_loop([&] { c.service.events_per_read = 1; });
  append(c, 10'000);
  Taken taken;
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.events.size() == 10'000; });
  CHECK(taken.batches == 10'000);
  CHECK(in_order(taken));
}

TEST_CASE("more interned entries than a message holds come before the events that need them") {
  Controlled c;
  append(c, 3);
  c.on_loop([&] {
    for (std::uint32_t i = 1; i <= 20'000; ++i) {
      c.service.interned.push_back({InternTable::kActor, i, std::string(70, 'a')});
    }
  });
  Taken taken;
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.events.size() == 3; });
  REQUIRE(taken.actors.size() == 20'000);
  CHECK(taken.actors.back() == 20'000);
  CHECK(taken.batches_without_events >= 7);
  CHECK(in_order(taken));
  auto page = c.control.eventsRequest().send().wait(c.io.waitScope);
  CHECK(page.getBatch().getEvents().size() == 0);
  CHECK(page.getBatch().getNextSequence() == 1);
  CHECK(page.getBatch().getInterned().size() > 2000);
}

TEST_CASE("a follower ends with its handle, be a push under way or not") {
  Controlled c;
  const bool under_way = GENERATE(false, true);
  append(c, 5);
  Taken taken;
  taken.hold = under_way;
  {
    const auto handle = follow(c.io, c.control, taken);
    wait_until(c.io, [&] { return taken.batches == 1; });
    CHECK(followers(c) == 1);
  }
  wait_until(c.io, [&] { return followers(c) == 0; });
  append(c, 5);
  c.ping();
  taken.release();
  c.ping();
  CHECK(taken.batches == 1);
}

TEST_CASE("a push or a read that fails ends the follower, and frees it, though the handle stays") {
  Controlled c;
  const bool push = GENERATE(false, true);
  append(c, 5);
  c.on_loop([&] { c.service.reads_fail = !push; });
  Taken taken;
  taken.fail = push;
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return followers(c) == 0; });
  CHECK(taken.batches == (push ? 1 : 0));
}

TEST_CASE("a follower whose client is killed goes, and the others stay") {
  Controlled c;
  append(c, 5);
  Taken taken;
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.events.size() == 5; });
  const auto killed = uv::spawn(
      {.argv = {"/proc/self/exe", "[.killed-follower]"}, .env = {{"SOCKET=" + c.server.path()}}});
  REQUIRE(killed);
  wait_until(c.io, [&] { return followers(c) == 2; });
  REQUIRE(uv::send_signal(killed->pidfd.get(), SIGKILL));
  wait_until(c.io, [&] { return followers(c) == 1; });
  wait_until(c.io, [&] { return uv::reap(killed->pidfd.get()).value().has_value(); });
  append(c, 5);
  wait_until(c.io, [&] { return taken.events.size() == 10; });
  CHECK(in_order(taken));
}

TEST_CASE("the follower that is killed", "[.killed-follower]") {
  auto io = kj::setupAsyncIo();
  ProbeClient client(io, ::getenv("SOCKET"));
  auto control = client.bootstrap().castAs<schema::Control>();
  Taken taken;
  taken.hold = true;
  const auto handle = follow(io, control, taken);
  kj::Promise<void>(kj::NEVER_DONE).wait(io.waitScope);
}

TEST_CASE("a client follows so often and no more, always into a sink, and is not idle meanwhile") {
  Controlled c({.greeting_ms = kPatient.greeting_ms, .idle_ms = 200});
  CHECK(failure_of(c.control.followRequest().send(), c.io).find("needs a sink") !=
        std::string::npos);
  Taken taken;
  {
    std::vector<schema::Handle::Client> handles;
    for (int i = 0; i < 16; ++i) handles.push_back(follow(c.io, c.control, taken));
    auto surplus = c.control.followRequest();
    surplus.setSink(kj::heap<Sink>(taken));
    CHECK(failure_of(surplus.send(), c.io).find("too often") != std::string::npos);
    const Fd silent(connect_to(c.server.path()));
    wait_until(c.io, [&] { return c.server.clients() == 2; });
    wait_until(c.io, [&] { return c.server.clients() == 1; });
    c.ping();
  }
  wait_until(c.io, [&] { return followers(c) == 0; });
  const auto handle = follow(c.io, c.control, taken);
}

TEST_CASE("a loop that ends with followers and leases open leaks nothing") {
  std::optional<ProbeClient> client;
  Taken taken;
  taken.hold = true;
  Controlled c;
  append(c, 5);
  const auto handle = follow(c.io, c.control, taken);
  wait_until(c.io, [&] { return taken.batches == 1; });
  auto exec = c.control.openExecRequest();
  exec.initCommandId().setLo(1);
  auto opened = exec.send().wait(c.io.waitScope);
  c.server.stop_server();
  CHECK(followers(c) == 0);
  CHECK(c.on_loop([&] { return c.service.holds; }) == 0);
}
