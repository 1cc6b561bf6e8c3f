#include "drivers/uv/worker_pool.h"

#include <signal.h>

#include <atomic>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "tests/drivers/uv/support.h"

using namespace banger;
using namespace banger::uv;
using banger::uv::test::run;

TEST_CASE("work runs off the loop, its outcome on it") {
  Loop loop;
  WorkerPool pool(loop);
  const auto main_thread = std::this_thread::get_id();
  std::string got;
  const auto token = pool.submit(
      [&]() -> std::string { return std::this_thread::get_id() == main_thread ? "on" : "off"; },
      [&](std::string value) {
        CHECK(loop.on_loop_thread());
        got = std::move(value);
        loop.stop();
      });
  REQUIRE(token);
  run(loop);
  CHECK(got == "off");
}

TEST_CASE("results that can only be moved come through") {
  Loop loop;
  WorkerPool pool(loop, 1);
  int got = 0;
  REQUIRE(pool.submit([] { return std::make_unique<int>(7); },
                      [&](std::unique_ptr<int> value) {
                        got = *value;
                        loop.stop();
                      }));
  run(loop);
  CHECK(got == 7);
}

TEST_CASE("the queue is bounded, and what is queued can be cancelled") {
  Loop loop;
  std::promise<void> gate;
  std::promise<void> begun;
  int done = 0;
  {
    WorkerPool pool(loop, 1, 2);
    REQUIRE(pool.submit(
        [&] {
          begun.set_value();
          gate.get_future().wait();
        },
        [&] { done += 1; }));
    begun.get_future().wait();  // the only worker is busy, so these two stay queued
    const auto first = pool.submit([] { FAIL("cancelled work ran"); }, [&] { done += 10; });
    const auto second = pool.submit([] {}, [&] { done += 100; });
    REQUIRE((first && second));
    const auto third = pool.submit([] {}, [&] { done += 1000; });
    REQUIRE_FALSE(third);
    CHECK(third.error().message.find("queued") != std::string::npos);
    CHECK(pool.cancel(*first));
    CHECK_FALSE(pool.cancel(*first));
    CHECK(pool.submit([] {}, [&] { done += 10000; }));
    gate.set_value();
  }  // drains: the queue is run before the threads end
  loop.drain();
  CHECK(done == 10101);
}

TEST_CASE("workers have every signal blocked") {
  Loop loop;
  WorkerPool pool(loop, 1);
  std::optional<bool> blocked;
  REQUIRE(pool.submit(
      [] {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        return sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
      },
      [&](bool value) {
        blocked = value;
        loop.stop();
      }));
  run(loop);
  CHECK(blocked == true);
}

TEST_CASE("ten thousand small jobs on four workers all come back") {
  Loop loop;
  WorkerPool pool(loop, 4, 10'000);
  std::atomic<int> worked = 0;
  int done = 0;
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(pool.submit([&] { ++worked; },
                        [&] {
                          if (++done == 10'000) loop.stop();
                        }));
  }
  run(loop);
  CHECK(worked == 10'000);
}
