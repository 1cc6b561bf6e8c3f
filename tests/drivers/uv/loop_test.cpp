#include "drivers/uv/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include <optional>
#include <thread>
#include <vector>

#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/signal_watcher.h"
#include "tests/drivers/uv/support.h"

using namespace banger;
using namespace banger::uv;
using banger::uv::test::open_fds;
using banger::uv::test::run;

TEST_CASE("tasks posted from many threads all run, each thread's in its order") {
  Loop loop;
  constexpr int kThreads = 4, kEach = 5000;
  std::vector<int> next(kThreads, 0);
  bool ordered = true;
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&, t, i] {
          ordered &= loop.on_loop_thread() && next[t]++ == i;
          if (++total == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  run(loop);
  for (std::thread& thread : threads) thread.join();
  CHECK(ordered);
  CHECK(total == kThreads * kEach);
}

TEST_CASE("a task that defers itself for ever does not starve timers") {
  Loop loop;
  std::function<void()> again = [&] { loop.defer(again); };
  loop.defer(again);
  Timer timer(loop, [&] { loop.stop(); });
  timer.start_once(5);
  run(loop);
}

TEST_CASE("drain runs what is waiting and what that leads to, without sleeping") {
  Loop loop;
  std::vector<int> order;
  loop.post([&] {
    order.push_back(1);
    loop.defer([&] { order.push_back(2); });
  });
  Timer never(loop, [&] { order.push_back(3); });
  never.start_once(3'600'000);
  loop.drain();
  CHECK(order == std::vector{1, 2});
}

TEST_CASE("tasks that never ran are destroyed with the loop, with the handles they own") {
  const auto owned = std::make_shared<int>(1);
  {
    Loop loop;
    auto timer = std::make_shared<Timer>(loop, [] {});
    loop.post([owned, timer] { FAIL(); });
    loop.defer([owned] { FAIL(); });
  }
  CHECK(owned.use_count() == 1);
}

TEST_CASE("a timer repeats until stopped, and may destroy itself from its callback") {
  Loop loop;
  int ticks = 0;
  std::optional<Timer> once;
  Timer every(loop, [&] {
    if (++ticks == 3) {
      every.stop();
      once->start_once(0);
    }
  });
  once.emplace(loop, [&] {
    once.reset();
    loop.stop();
  });
  every.start_every(1);
  run(loop);
  CHECK(ticks == 3);
  CHECK_FALSE(once.has_value());
  CHECK_FALSE(every.active());
}

TEST_CASE("a timer does not fire early after the loop was held up") {
  Loop loop;
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
  };
  int64_t started = 0, fired = 0;
  Timer timer(loop, [&] {
    fired = now();
    loop.stop();
  });
  loop.defer([&] {
    const int64_t begin = now();
    while (now() < begin + 30) continue;  // a callback that takes its time
    started = now();
    timer.start_once(20);
  });
  run(loop);
  CHECK(fired - started >= 19);  // both clocks are cut to whole milliseconds
}

TEST_CASE("poll tells readiness, is silent when disarmed, and sees the other end go") {
  const size_t before = open_fds();
  {
    Loop loop;
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd ours(pair[0]);
    Fd theirs(pair[1]);
    int calls = 0;
    auto poll = Poll::open(loop, ours.get(), [&](int events) {
      CHECK((events & kReadable) != 0);
      ++calls;
      loop.stop();
    });
    REQUIRE(poll);
    REQUIRE(::write(theirs.get(), "x", 1) == 1);
    for (int i = 0; i < 10; ++i) loop.drain();
    CHECK(calls == 0);
    poll->set(kReadable);
    run(loop);
    CHECK(calls == 1);
    run(loop);  // level-triggered: nobody has read it
    CHECK(calls == 2);
    char byte = 0;
    REQUIRE(::read(ours.get(), &byte, 1) == 1);
    theirs.reset();
    run(loop);
    CHECK(::read(ours.get(), &byte, 1) == 0);
  }
  CHECK(open_fds() == before);
}

TEST_CASE("a reset connection wakes the poll, which can be armed again") {
  Loop loop;
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const Fd ours(pair[0]);
  Fd theirs(pair[1]);
  REQUIRE(::write(ours.get(), "unread", 6) == 6);
  theirs.reset();  // with bytes unread: ECONNRESET, which epoll reports as an error
  auto poll = Poll::open(loop, ours.get(), [&](int) { loop.stop(); });
  REQUIRE(poll);
  poll->set(kWritable);
  run(loop);
  poll->set(kReadable);
  run(loop);
}

TEST_CASE("a descriptor that can't be polled is an error") {
  Loop loop;
  const Fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(Poll::open(loop, file.get(), [](int) {}).has_value());
  CHECK_FALSE(Poll::open(loop, -1, [](int) {}).has_value());
}

TEST_CASE("signals arrive on the loop") {
  Loop loop;
  std::vector<int> seen;
  auto watcher = SignalWatcher::open(loop, {SIGTERM, SIGINT}, [&](int signal) {
    seen.push_back(signal);
    if (seen.size() == 2) loop.stop();
  });
  REQUIRE(watcher);
  REQUIRE(::raise(SIGTERM) == 0);
  REQUIRE(::raise(SIGINT) == 0);
  run(loop);
  CHECK(seen == std::vector{SIGTERM, SIGINT});
  CHECK_FALSE(SignalWatcher::open(loop, {SIGUSR1, 4711}, [](int) {}).has_value());
}
