// Every call of the log's that changes a disk, RocksDB's and its own alike, fails in turn: the first, the second, and so on, once or
// from then on, with ENOSPC (from then on: a write in part, first) or EIO. BANGER_LOG_FAULTS: how many of these are tried.
#include <csignal>
#include <cstdio>

#include "tests/catch.h"
#include "tests/events/log/sample.h"
#include "tests/events/log/watched.h"
#include "tests/events/log/workload.h"

namespace banger::log::test {
namespace {

struct Fault {
  std::size_t call = 0;  // which one fails, from 1; 0: none
  int sys_errno = ENOSPC;
  bool for_ever = false;
};

class FaultyDisk {
 public:
  explicit FaultyDisk(Fault fault) : fault_(fault) {}

  Answer answer(const Call& call) {
    if (call.kind == Call::Kind::kSay) return {};
    // Of starting to write back RocksDB expects nothing, and tries whether there is such a call by an assert that it does not fail.
    if (call.kind == Call::Kind::kSyncRange) return no_syncs(call);
    // RocksDB's diary, which nobody reads: it fails with the others, and not in turn.
    const bool diary = std::filesystem::path(call.path).filename().string().starts_with("LOG");
    const bool now = !diary && ++calls_ == fault_.call;
    if (now) failed_ = describe(call);
    const bool all = fault_.for_ever && fault_.call != 0 && calls_ >= fault_.call;
    if (!now && !all) return no_syncs(call);
    const bool half = now && all && fault_.sys_errno == ENOSPC && call.kind == Call::Kind::kWrite;
    return {half ? Verdict::kHalf : Verdict::kFail, fault_.sys_errno};
  }

  [[nodiscard]] std::size_t calls() const { return calls_; }
  [[nodiscard]] const std::string& failed() const { return failed_; }

 private:
  Fault fault_;
  std::size_t calls_ = 0;
  std::string failed_;
};

std::string explain(const WatchedEnd& end) {
  std::string text = "exit code " + std::to_string(end.exit_code) + ", signal " + std::to_string(end.signal);
  for (const std::string& line : end.said) text += "\n  " + line;
  return text + "\n" + end.errors;
}

void require_well(const WatchedEnd& end) {
  INFO(explain(end));
  REQUIRE(end.exit_code == 0);
}

// RocksDB as Debian builds it, with asserts, ends the process where it comes by a file again whose writing has failed, such as
// when it is closed. The daemon was about to end anyway; that it could not say why is all that is lost.
bool ended_by_rocksdb(const WatchedEnd& end) {
  return end.signal == SIGABRT && end.errors.find("AssertFalseAndGetStatusForPrevError") != std::string::npos;
}

struct Tally {
  std::size_t survived = 0, failed = 0, refused = 0, ended_by_rocksdb = 0, not_reached = 0;
};

void count(Tally& tally, const FaultyDisk& disk, const Promises& promises, bool by_rocksdb) {
  ++(disk.failed().empty()    ? tally.not_reached
     : by_rocksdb             ? tally.ended_by_rocksdb
     : promises.failures > 0  ? tally.failed
     : promises.refused       ? tally.refused
                              : tally.survived);
}

void try_fault(Fault fault, Tally& tally) {
  const TempDir dir;
  FaultyDisk disk(fault);
  const WatchedEnd end =
      watch(dir.path(), [&] { run_workload(dir); }, [&](const Call& call) { return disk.answer(call); });
  INFO("call " << fault.call << (fault.for_ever ? " and all after it" : "") << ", errno " << fault.sys_errno << ": "
               << disk.failed());
  const Promises promises = promises_of(end.said);
  const bool by_rocksdb = ended_by_rocksdb(end);
  if (!by_rocksdb) require_well(end);
  count(tally, disk, promises, by_rocksdb);
  if (!by_rocksdb && promises.failures == 0 && !promises.refused) CHECK(promises.durable == workload_requests());
  require_well(run_without_syncs([&] { check_kept(dir.log(), promises); }));
  if (promises.backed_up) require_well(run_without_syncs([&] { check_backup(dir, promises); }));
}

TEST_CASE("each call that changes the disk fails in turn: nothing acknowledged is lost, a failed log stays failed") {
  FaultyDisk sound{{}};
  const TempDir dir;
  require_well(watch(dir.path(), [&] { run_workload(dir); }, [&](const Call& call) { return sound.answer(call); }));
  REQUIRE(sound.calls() > 400);
  const std::size_t all = sound.calls() * 4;
  const std::vector<std::size_t> picks = sample(all, "BANGER_LOG_FAULTS", 60);
  Tally tally;
  for (const std::size_t pick : picks) {
    try_fault({.call = 1 + pick / 4, .sys_errno = pick % 2 == 0 ? ENOSPC : EIO, .for_ever = pick / 2 % 2 == 1}, tally);
  }
  std::printf("%zu of %zu faults: %zu were survived, %zu failed the log, with %zu it was not opened, with %zu RocksDB "
              "ended the process, %zu were not come to\n", picks.size(), all, tally.survived, tally.failed, tally.refused,
              tally.ended_by_rocksdb, tally.not_reached);
}

}  // namespace
}  // namespace banger::log::test
