// The damage matrix of docs/EVENT_LOG.md, a test case a row (the WAL's rows and the disk's; anchors
// at the end). "Anchored" is a log that was stopped cleanly: its anchor is exact, so any loss must
// be noticed. "Stale" has only the anchor of the empty log, the worst that a crash can leave: what
// no anchor promised may go unnoticed.
#include <csignal>
#include <filesystem>

#include "events/log/keys.h"
#include "events/log/maintain.h"
#include "tests/events/log/tamper.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;
constexpr Sequence kEvents = 40;

// A log whose events are all in its WAL. Returns the WAL's size before the last event.
std::uint64_t make_log(const LogPaths& paths, const std::string& how) {
  const VictimEnd end = run_victim(paths, {"append", std::to_string(kEvents), how});
  REQUIRE(end.exit_code == 0);
  REQUIRE(end.number("durable") == kEvents);
  return end.number("wal_before_last");
}

void truncate_by(const fs::path& file, std::uint64_t bytes) {
  fs::resize_file(file, fs::file_size(file) - bytes);
}

// Refused, with the reason; verify says so too; and looking at it has changed nothing.
void require_refused(const LogPaths& paths, const std::string& reason) {
  const std::string wal = read_file(largest(paths, ".log"));
  REQUIRE_THAT(why_refused(paths), Catch::Contains(reason));
  auto report = verify_log(paths, {});
  REQUIRE(report);
  REQUIRE_FALSE(report->ok());
  REQUIRE(read_file(largest(paths, ".log")) == wal);
}

void require_sound(const LogPaths& paths, Sequence head, std::uint64_t epoch) {
  auto report = verify_log(paths, {});
  REQUIRE(report);
  INFO((report->ok() ? "" : report->problems.front()));
  REQUIRE(report->ok());
  REQUIRE(report->head == head);
  REQUIRE(report->epoch == epoch);
  OpenLog open(paths);
  require_events(*open.log, head);
  open.commit(make_request(head + 1, 1));  // and it goes on
}

// Only an operator who accepts the loss gets the log back, and the log remembers it.
void require_repair_by_acceptance(const LogPaths& paths, Sequence left) {
  auto careful = repair_log(paths, false, {});
  REQUIRE_FALSE(careful);
  REQUIRE_THAT(careful.error().message, Catch::Contains("accept the loss"));
  REQUIRE(why_refused(paths) != "");
  auto repaired = repair_log(paths, true, {});
  INFO((repaired ? "" : repaired.error().message));
  REQUIRE((repaired && *repaired));
  REQUIRE((*repaired)->head == left);
  REQUIRE((*repaired)->epoch == Epoch{2, EpochReason::kLossAccepted, left, kEvents});
  REQUIRE(fs::exists((*repaired)->kept_aside / "CURRENT"));
  require_sound(paths, left, 2);
  REQUIRE(OpenLog(paths).log->epochs()->back() == (*repaired)->epoch);
}

TEST_CASE("WAL torn in its last record, event not anchored: the event is dropped") {
  const TempDir dir;
  make_log(dir.log(), "stale");
  truncate_by(largest(dir.log(), ".log"), 5);
  require_sound(dir.log(), kEvents - 1, 1);
}

TEST_CASE("WAL torn in its last record, event anchored: refused") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  truncate_by(largest(dir.log(), ".log"), 5);
  require_refused(dir.log(), "events are lost");
  require_repair_by_acceptance(dir.log(), kEvents - 1);
}

TEST_CASE("a bit flipped in the middle of the WAL: refused, anchored or not") {
  const TempDir dir;
  const std::string how = GENERATE("exact", "stale");
  make_log(dir.log(), how);
  const fs::path wal = largest(dir.log(), ".log");
  flip_bit(wal, fs::file_size(wal) / 2);
  require_refused(dir.log(), "Corruption");
  if (how == "exact") {
    auto careful = repair_log(dir.log(), false, {});
    REQUIRE_FALSE(careful);
    REQUIRE_THAT(careful.error().message, Catch::Contains("accept the loss"));
  }
  auto repaired = repair_log(dir.log(), how == "exact", {});
  INFO((repaired ? "" : repaired.error().message));
  REQUIRE((repaired && *repaired));
  const Sequence left = (*repaired)->head;
  REQUIRE((left > kEvents / 4 && left < kEvents));
  REQUIRE((*repaired)->epoch.reason ==
          (how == "exact" ? EpochReason::kLossAccepted : EpochReason::kRepaired));
  require_sound(dir.log(), left, 2);
}

TEST_CASE("a bit flipped in the last record of the WAL: refused") {
  const TempDir dir;
  const std::string how = GENERATE("exact", "stale");
  const std::uint64_t before_last = make_log(dir.log(), how);
  const fs::path wal = largest(dir.log(), ".log");
  flip_bit(wal, (before_last + fs::file_size(wal)) / 2);
  require_refused(dir.log(), "Corruption");
  if (how == "exact") return require_repair_by_acceptance(dir.log(), kEvents - 1);
  auto repaired = repair_log(dir.log(), false, {});
  REQUIRE((repaired && *repaired));
  REQUIRE((*repaired)->epoch == Epoch{2, EpochReason::kRepaired, kEvents - 1, 0});
  require_sound(dir.log(), kEvents - 1, 2);
}

TEST_CASE("WAL cut at a record boundary: RocksDB sees nothing, the anchor does") {
  const TempDir dir;
  const std::string how = GENERATE("exact", "stale");
  const std::uint64_t before_last = make_log(dir.log(), how);
  fs::resize_file(largest(dir.log(), ".log"), before_last);
  if (how == "stale") return require_sound(dir.log(), kEvents - 1, 1);
  require_refused(dir.log(), "ends at event 39, but event 40 was synced");
  require_repair_by_acceptance(dir.log(), kEvents - 1);
}

TEST_CASE("WAL gone: the anchor notices") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  fs::remove(largest(dir.log(), ".log"));
  REQUIRE_THAT(why_refused(dir.log()), Catch::Contains("ends at event 0, but event 40 was synced"));
  require_repair_by_acceptance(dir.log(), 0);
}

TEST_CASE("a bit flipped in a table: found by reading and verify, mended by a backup only") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  REQUIRE(head_of(dir.log()) == kEvents);  // its recovery moved the WAL into tables
  REQUIRE(backup_log(dir.log(), dir.path() / "backup"));
  // Copies: the backup's files are links to the log's.
  fs::copy(dir.path() / "backup", dir.path() / "kept", fs::copy_options::recursive);
  const fs::path table = largest(dir.log(), ".sst");
  flip_bit(table, fs::file_size(table) / 3);
  auto report = verify_log(dir.log(), {});
  REQUIRE(report);
  REQUIRE_FALSE(report->ok());
  auto opened = EventLog::open({.paths = dir.log()});
  REQUIRE(opened);  // tables are not read at start: that is verify's work
  auto read = (*opened)->read(1, SIZE_MAX, [](const Frame&) { return true; });
  REQUIRE_FALSE(read);
  REQUIRE_THAT(read.error().message, Catch::Contains("Corruption"));
  REQUIRE((*opened)->shutdown());
  auto repaired = repair_log(dir.log(), true, {});
  REQUIRE_FALSE(repaired);
  REQUIRE_THAT(repaired.error().message, Catch::Contains("restore a backup"));
  auto restored = restore_log(dir.path() / "kept", dir.log(), {});
  INFO((restored ? "" : restored.error().message));
  REQUIRE(restored);
  REQUIRE(restored->epoch == Epoch{2, EpochReason::kRestored, kEvents, kEvents});
  require_sound(dir.log(), kEvents, 2);
}

TEST_CASE("anchor gone or both its slots damaged: refused, as nothing tells what was lost") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  const bool gone = GENERATE(true, false);
  if (gone) {
    fs::remove(dir.log().anchor_file());
  } else {
    flip_bit(dir.log().anchor_file(), 40);
    flip_bit(dir.log().anchor_file(), kAnchorSlotBytes + 40);
  }
  require_refused(dir.log(), "anchor is missing or damaged");
  REQUIRE(fs::exists(dir.log().anchor_file()) != gone);
  REQUIRE_FALSE(repair_log(dir.log(), false, {}));
  auto repaired = repair_log(dir.log(), true, {});
  REQUIRE((repaired && *repaired));
  REQUIRE((*repaired)->epoch == Epoch{2, EpochReason::kLossAccepted, kEvents, 0});
  require_sound(dir.log(), kEvents, 2);
}

TEST_CASE("anchor torn in one slot: the other one serves") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  const std::size_t slot = GENERATE(0, 1);
  std::string bytes = read_file(dir.log().anchor_file());
  bytes.replace(slot * kAnchorSlotBytes + 30, 40, 40, 'x');
  write_file(dir.log().anchor_file(), bytes);
  require_sound(dir.log(), kEvents, 1);
}

TEST_CASE(
    "disk full or failing: one failure, nothing more is taken, nothing acknowledged is lost") {
  const std::string how = GENERATE("enospc", "eio-write", "eio-sync");
  const TempDir dir;
  const VictimEnd end = run_victim(dir.log(), {"fault", "20", how});
  INFO(how << " signal " << end.signal);
  REQUIRE(end.exit_code == 0);
  REQUIRE(end.number("appended_after_fault") == 0);
  REQUIRE(end.number("late_ticket") == 0);
  REQUIRE(end.number("failures") == 1);
  REQUIRE(end.number("errno") == static_cast<std::uint64_t>(how == "enospc" ? ENOSPC : EIO));
  REQUIRE(end.number("durable") == 20);
  REQUIRE(end.number("shutdown_ok") == 0);
  // The failed event may be there or not: its command's record tells, and always the same as the
  // event.
  const Sequence doubtful = end.number("doubtful");
  REQUIRE(doubtful == 21);
  OpenLog open(dir.log());
  const Sequence head = open.log->head().sequence;
  REQUIRE((head == 20 || head == 21));
  REQUIRE(open.log->find_command(command_of(doubtful))->has_value() == (head == 21));
  REQUIRE(**open.log->row("fleet", 1, "last") == std::to_string(head));
  require_events(*open.log, head);
  open.commit(make_request(head + 1, 1));
  REQUIRE(open.log->verify({})->ok());
}

TEST_CASE("database gone: refused, never begun anew") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  fs::remove_all(dir.log().db());
  REQUIRE_THAT(why_refused(dir.log()), Catch::Contains("is gone") && Catch::Contains("40 events"));
  REQUIRE_FALSE(fs::exists(dir.log().db()));
}

TEST_CASE("an older copy, another store or another history in the log's place: refused") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  SECTION("older copy") {
    fs::copy(dir.log().db(), dir.path() / "older", fs::copy_options::recursive);
    OpenLog(dir.log()).commit(make_request(kEvents + 1, 1));
    fs::remove_all(dir.log().db());
    fs::rename(dir.path() / "older", dir.log().db());
    require_refused(dir.log(), "events are lost");
  }
  SECTION("another store") {
    const LogPaths other{dir.path() / "other", dir.path() / "other-anchor"};
    make_log(other, "exact");
    fs::remove_all(dir.log().db());
    fs::rename(other.db(), dir.log().db());
    require_refused(dir.log(), "the head anchor of store");
    REQUIRE_THAT(repair_log(dir.log(), true, {}).error().message, Catch::Contains("another store"));
  }
  SECTION("another history of the same store") {
    fs::copy(dir.log().db(), dir.path() / "fork", fs::copy_options::recursive);
    fs::copy_file(dir.log().anchor_file(), dir.path() / "fork-anchor");
    OpenLog(dir.log()).commit(make_request(kEvents + 1, 2));
    const std::string anchor = read_file(dir.log().anchor_file());
    fs::remove_all(dir.log().db());
    fs::rename(dir.path() / "fork", dir.log().db());
    fs::copy_file(dir.path() / "fork-anchor", dir.log().anchor_file(),
                  fs::copy_options::overwrite_existing);
    AppendRequest different = make_request(kEvents + 1, 2);
    different.events[0].public_bytes = "something else happened";
    OpenLog(dir.log()).commit(std::move(different));
    write_file(dir.log().anchor_file(), anchor);
    require_refused(dir.log(), "the log was changed");
  }
}

TEST_CASE("a log of a newer format is refused, whole, with a clear word") {
  const TempDir dir;
  make_log(dir.log(), "exact");
  tamper(dir.log(), Family::kMeta, kMetaFormat, format_value(kArchivedLogFormat + 1));
  REQUIRE_THAT(why_refused(dir.log()), Catch::Contains("start a newer banger"));
}

}  // namespace
}  // namespace banger::log::test
