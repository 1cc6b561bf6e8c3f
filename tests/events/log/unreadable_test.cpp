// Entries of the log's database that are missing or say nothing: each is met by whoever needs it with an error in words,
// by verify as a problem, and by nobody with a guess.
#include "events/log/import.h"
#include "events/log/keys.h"
#include "events/log/maintain.h"
#include "events/log/row_snapshot.h"
#include "tests/events/log/tamper.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

constexpr Sequence kEvents = 30;
constexpr StreamId kVm{StreamKind::kVm, 3};

std::string why(const auto& result) { return result ? "" : result.error().message; }

// What every maintenance of a log says whose own entries cannot be read.
void require_told_by_all(const LogPaths& paths, const fs::path& scratch, const std::string& reason) {
  CHECK_THAT(why_refused(paths), Catch::Contains(reason));
  const auto report = verify_log(paths, {});
  REQUIRE(report);
  REQUIRE_FALSE(report->ok());
  CHECK_THAT(report->problems.front(), Catch::Contains(reason));
  CHECK_THAT(why(stat_log(paths)), Catch::Contains(reason));
  CHECK_THAT(why(backup_log(paths, scratch / "backup")), Catch::Contains(reason));
  CHECK_THAT(why(repair_log(paths, true, {})), Catch::Contains(reason) && Catch::Contains("restore a backup"));
  const LogPaths elsewhere{scratch / "restored", scratch / "restored-anchor"};
  fs::copy(paths.anchor_file(), paths.path / "head-anchor");  // as a backup has it
  CHECK_THAT(why(restore_log(paths.path, elsewhere, {})), Catch::Contains("the backup is damaged") && Catch::Contains(reason));
  fs::remove(paths.anchor_file());
  const Indexer nothing = [](std::string_view) -> Result<EventPlace> { return fail("not asked for"); };
  CHECK_THAT(why(import_bundles({}, paths, nothing, {})), Catch::Contains(reason));
}

TEST_CASE("a log that does not say who it is, or not in words of this program, is refused by all who need to know") {
  struct Row {
    std::string key;
    std::optional<std::string> value;
    const char* reason;
  };
  const Row row = GENERATE(Row{std::string(kMetaFormat), std::nullopt, "has no log format"},
                           Row{std::string(kMetaFormat), "x", "the log's format cannot be read"},
                           Row{std::string(kMetaFormat), format_value(0), "the log has format 0"},
                           Row{std::string(kMetaStore), std::nullopt, "the log has no store id"},
                           Row{std::string(kMetaStore), "short", "the log has no store id"},
                           Row{epoch_key(1), "x", "an epoch of the log cannot be read"},
                           Row{epoch_key(1), std::nullopt, "the log has no epoch"});
  CAPTURE(row.reason);
  const TempDir dir;
  make_log(dir.log(), kEvents);
  tamper(dir.log(), Family::kMeta, row.key, row.value);
  require_told_by_all(dir.log(), dir.path(), row.reason);
}

TEST_CASE("a block behind the last one, at a key that is not its own, is no head") {
  const TempDir dir;
  make_log(dir.log(), kEvents);
  std::string last;
  {
    auto store = Store::open(dir.log().db(), StoreMode::kReadOnly);
    REQUIRE(store);
    last = **store->get(Family::kBlocks, number_key(21));
  }
  tamper(dir.log(), Family::kBlocks, number_key(99), last);
  require_told_by_all(dir.log(), dir.path(), "a block at a wrong key");
}

TEST_CASE("what the log keeps beside its events cannot be read: refused to open") {
  struct Row {
    Family family;
    std::string key;
    const char* reason;
    bool verified;
  };
  const ArchiveRecord record{.first = 5, .last = 9, .chain = {}, .digest = {}, .bytes = 1};
  const Row row =
      GENERATE_COPY(Row{Family::kMeta, std::string(kMetaMerged), "how far the log's blocks are merged cannot be read", false},
                    Row{Family::kMeta, archive_key(1), "the record of an archive cannot be read", true},
                    Row{Family::kMeta, archive_key(5), "the record of the archive before event 5 is missing", true},
                    Row{Family::kProjections, std::string(kCheckpointsKey), "the projections' checkpoints cannot be read", true});
  CAPTURE(row.reason);
  const TempDir dir;
  make_log(dir.log(), kEvents);
  tamper(dir.log(), row.family, row.key, row.key == archive_key(5) ? archive_value(record) : "x");
  CHECK_THAT(why_refused(dir.log()), Catch::Contains(row.reason));
  const auto report = verify_log(dir.log(), {});
  REQUIRE(report);
  CHECK(report->ok() != row.verified);
  if (row.verified) CHECK_THAT(report->problems.front(), Catch::Contains(row.reason));
  if (row.family == Family::kMeta && row.verified) CHECK_THAT(why(stat_log(dir.log())), Catch::Contains(row.reason));
}

TEST_CASE("an entry of an index that cannot be read is an error of whoever looks it up, and verify's problem") {
  const TempDir dir;
  make_log(dir.log(), kEvents);
  const auto problem = [&] {
    const auto report = verify_log(dir.log(), {});
    REQUIRE(report);
    REQUIRE_FALSE(report->ok());
    return report->problems.front();
  };
  SECTION("where a stream's event is") {
    tamper(dir.log(), Family::kStreams, stream_key(kVm, 2), "x");
    CHECK(problem() == "stream index: an entry that cannot be read");
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->stream_events(kVm, 1, 9)), Catch::Contains("stream index cannot be read"));
    CHECK_THAT(why(open.log->stream_version_at(kVm, 10)), Catch::Contains("stream index is missing or cannot be read"));
  }
  SECTION("where it is not at all") {
    tamper(dir.log(), Family::kStreams, stream_key(kVm, 2), std::nullopt);
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->stream_version_at(kVm, 10)), Catch::Contains("stream index is missing or cannot be read"));
  }
  SECTION("which stream and version it is") {
    tamper(dir.log(), Family::kStreams, stream_prefix(kVm) + '\xff', number_key(3));
    CHECK(problem() == "stream index: an entry that cannot be read");
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->stream_version_at(kVm, 10)), Catch::Contains("a key of the stream index cannot be read"));
    CHECK(open.log->stream_of(3).value() == kVm);  // its own entry stands before
    CHECK_THAT(why(open.log->stream_of(kEvents + 1)), Catch::Contains("no stream has event 31"));
  }
  SECTION("whose event it is, where nothing else says") {
    tamper(dir.log(), Family::kStreams, "", number_key(kEvents + 1));
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->stream_of(kEvents + 1)), Catch::Contains("no stream has event 31"));
  }
  SECTION("which events are of a kind") {
    tamper(dir.log(), Family::kKinds, kind_key(2, 11), "odd");
    CHECK_THAT(problem(), Catch::Contains("kind index"));
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->events_of_kind(2, 1, 99)), Catch::Contains("kind index cannot be read"));
    CHECK_THAT(why(open.log->events_of_kind_before(2, 99, 99)), Catch::Contains("kind index cannot be read"));
    CHECK(open.log->events_of_kind(2, 21, 99));  // what does not need it is told
  }
  SECTION("what a command led to") {
    tamper(dir.log(), Family::kCommands, command_key(command_of(11)), "x");
    CHECK(problem() == "a command record that cannot be read");
    const OpenLog open(dir.log());
    CHECK_THAT(why(open.log->find_command(command_of(11))), Catch::Contains("cannot be read"));
    CHECK(open.log->find_command(command_of(1))->has_value());
  }
  SECTION("a command's events") {
    const CommandRecord none{.id = {1, 1}, .request_digest = {}, .first_sequence = 0, .event_count = 2, .subject = {}};
    tamper(dir.log(), Family::kCommands, command_key(none.id), command_value(none));
    CHECK_THAT(problem(), Catch::Contains("its events are not there"));
  }
  SECTION("a kind's event that is none") {
    tamper(dir.log(), Family::kKinds, kind_key(2, 0), "");
    CHECK_THAT(problem(), Catch::Contains("no such event"));
  }
  SECTION("an interned value") {
    tamper(dir.log(), Family::kMeta, interned_prefix(1) + "x", "root");
    const OpenLog open(dir.log());
    CHECK(why(open.log->interned(1)) == "an interned value cannot be read");
  }
}

TEST_CASE("how far projections are cannot be read any more while the log is open: an error of whoever asks") {
  const TempDir dir;
  OpenLog open(dir.log());
  open.commit(make_request(1, 10));
  REQUIRE(open.log->shutdown());
  tamper(dir.log(), Family::kProjections, kCheckpointsKey, "x");
  auto store = Store::open(dir.log().db(), StoreMode::kReadOnly);
  REQUIRE(store);
  CHECK_THAT(why(take_row_snapshot(*store)->checkpoint("fleet", 1)), Catch::Contains("checkpoints cannot be read"));
}

TEST_CASE("an anchor of a later epoch: an old copy is in the log's place") {
  const TempDir dir;
  make_log(dir.log(), kEvents);
  {
    auto file = AnchorFile::open(dir.log(), true);
    REQUIRE(file);
    Anchor later = *file->newest();
    ++later.epoch;
    REQUIRE(file->write(later));
  }
  CHECK_THAT(why_refused(dir.log()), Catch::Contains("an old copy is in the log's place"));
}

TEST_CASE("an anchor inside of a commit: the log is another one") {
  const TempDir dir;
  make_log(dir.log(), kEvents);
  {
    auto file = AnchorFile::open(dir.log(), true);
    REQUIRE(file);
    Anchor inside = *file->newest();
    inside.sequence = 15;
    REQUIRE(file->write(inside));
  }
  CHECK_THAT(why_refused(dir.log()), Catch::Contains("event 15 does not end what was committed with it"));
}

TEST_CASE("of very many problems verify keeps so many as somebody reads") {
  VerifyReport report;
  for (std::size_t i = 0; i < 2 * kMaxReportedProblems; ++i) report.problem("p");
  CHECK(report.problems.size() == kMaxReportedProblems);
  CHECK_FALSE(report.ok());
}

}  // namespace
}  // namespace banger::log::test
