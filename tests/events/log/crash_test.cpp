// The machine crashes at every moment at which the log makes something durable or promises it, and its disk holds what was
// synced, and of the rest what chance wills. BANGER_LOG_CRASHES: how many of these crashes are tried.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "tests/catch.h"
#include "tests/events/log/sample.h"
#include "tests/events/log/simulated_disk.h"
#include "tests/events/log/watched.h"
#include "tests/events/log/workload.h"

namespace banger::log::test {
namespace {

Call within(const TempDir& dir, Call call) {
  call.path = std::filesystem::path(call.path).lexically_relative(dir.path());
  call.to = std::filesystem::path(call.to).lexically_relative(dir.path());
  return call;
}

// Syncs are slow, so that others' calls come while they last.
Answer slow_syncs(const Call& call) {
  return {call.kind == Call::Kind::kSync ? Verdict::kLater : no_syncs(call).verdict, 0};
}

// All that the workload called and said, in order.
std::vector<Call> calls_of_workload() {
  const TempDir dir;
  std::vector<Call> calls;
  const WatchedEnd end = watch(dir.path(), [&] { run_workload(dir); }, [&](const Call& call) {
    calls.push_back(within(dir, call));
    return slow_syncs(call);
  });
  INFO(end.errors);
  REQUIRE(end.exit_code == 0);
  REQUIRE(promises_of(end.said).durable == workload_requests());
  return calls;
}

// Where a crash tells the most: when the next thing to happen is that a sync ends or that the log has said something.
std::vector<std::size_t> moments_of(const std::vector<Call>& calls) {
  std::vector<std::size_t> moments;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const bool promise = calls[i].kind == Call::Kind::kSay && !calls[i].bytes.starts_with("send");
    if (promise || calls[i].kind == Call::Kind::kSynced) moments.push_back(i);
  }
  return moments;
}

void crash_at(const SimulatedDisk& disk, Crash crash, const Promises& promises) {
  const TempDir dir;
  disk.write_to(dir.path(), crash);
  const WatchedEnd end = run_without_syncs([&] { check_kept(dir.log(), promises); });
  INFO("the disk keeps " << static_cast<int>(crash) << "; " << promises.durable << " requests of " << promises.sent
                         << " were acknowledged: " << (end.said.empty() ? "" : end.said.back()) << end.errors);
  REQUIRE(end.exit_code == 0);
}

TEST_CASE("whatever a crashed machine's disk has kept of what was not synced, what was acknowledged is there") {
  const std::vector<Call> calls = calls_of_workload();
  const std::vector<std::size_t> moments = moments_of(calls);
  REQUIRE(moments.size() > 200);
  const std::size_t kinds = std::size(kCrashes);
  const auto picks = sample(moments.size() * kinds, "BANGER_LOG_CRASHES", 160);
  SimulatedDisk disk;
  Promises promises;
  std::size_t done = 0;
  for (const std::size_t pick : picks) {
    const std::size_t moment = moments[pick / kinds];
    for (; done < moment; ++done) {
      disk.take(calls[done]);
      if (calls[done].kind == Call::Kind::kSay) take_note(promises, calls[done].bytes);
    }
    INFO("before call " << moment << " of " << calls.size() << ": " << describe(calls[moment]));
    crash_at(disk, kCrashes[pick % kinds], promises);
  }
  std::printf("%zu crashes of %zu, at %zu moments of %zu calls\n", picks.size(), moments.size() * kinds, moments.size(), calls.size());
}

// A page whose sync failed is taken for clean: a later sync saves nothing of it and says that all is well. How the process
// ends is fault_sweep_test's to look at.
TEST_CASE("a sync fails, what it was to save is gone at the crash, and what was acknowledged is there") {
  const std::vector<Call> calls = calls_of_workload();
  const auto syncs = static_cast<std::size_t>(
      std::ranges::count_if(calls, [](const Call& call) { return call.kind == Call::Kind::kSync; }));
  for (const std::size_t failing : sample(syncs, "BANGER_LOG_CRASHES", 24)) {
    const TempDir dir;
    SimulatedDisk disk;
    std::size_t seen = 0;
    std::string failed;
    const WatchedEnd end = watch(dir.path(), [&] { run_workload(dir); }, [&](const Call& call) -> Answer {
      const bool fails = call.kind == Call::Kind::kSync && seen++ == failing;
      if (!fails) {
        disk.take(within(dir, call));
        return slow_syncs(call);
      }
      failed = describe(call);
      disk.forsake(within(dir, call));
      return {Verdict::kFail, EIO};
    });
    INFO("sync " << failing << ": " << failed);
    crash_at(disk, Crash::kLost, promises_of(end.said));
  }
}

}  // namespace
}  // namespace banger::log::test
