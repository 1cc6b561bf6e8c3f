// Archiving and erasing in archives, cut short at each of their steps: the log is as it was, or as it was to be.
#include <filesystem>

#include "events/log/archives.h"
#include "events/log/keys.h"
#include "events/log/maintain.h"
#include "events/log/store.h"
#include "tests/catch.h"
#include "tests/events/log/archived.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code missing;
  for (fs::directory_iterator it(directory, missing), end; !missing && it != end; ++it) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

void require_whole(const EventLog& log, Sequence head) {
  require_events(log, head);
  const auto report = log.verify({});
  REQUIRE(report);
  CHECK(report->problems == std::vector<std::string>{});
  CHECK(report->events == head);
}

TEST_CASE("an archive that was cut short before the store knew leaves the log as it was, and goes") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const auto plan = log.open->log->plan_archive(1200, 1200);
  REQUIRE(plan);
  const auto change = log.open->log->write_archive(*plan, {});
  REQUIRE(change);
  const fs::path file = dir.log().archive() / archive_name(log.open->log->store_id(), change->record);
  REQUIRE(fs::exists(file));
  SECTION("whole, under its name") {}
  SECTION("half, under another") {
    fs::resize_file(file, change->record.bytes / 2);
    fs::rename(file, unfinished_of(file));
  }
  log.reopen();
  CHECK(files_in(dir.log().archive()).empty());
  CHECK(log.open->log->archives().empty());
  require_whole(*log.open->log, kArchiveEvents);
  log.archive(1200);
  log.reopen();
  CHECK(files_in(dir.log().archive()).size() == 1);
  require_whole(*log.open->log, kArchiveEvents + 1);
}

TEST_CASE("an archive that only a database kept aside knows stays, and other stores' and people's files do") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const auto change = log.open->log->write_archive(*log.open->log->plan_archive(1200, 1200), {});
  REQUIRE(change);
  write_file(dir.log().archive() / "notes", "x");
  fs::create_directory(dir.log().path / "db.before-epoch-2");
  log.reopen();
  CHECK(files_in(dir.log().archive()).size() == 2);
  fs::remove(dir.log().path / "db.before-epoch-2");
  log.reopen();
  CHECK(files_in(dir.log().archive()) == std::vector<std::string>{"notes"});
}

TEST_CASE("a process that dies with its archive recorded, or while that fails, leaves a whole log") {
  const TempDir dir;
  ArchivedLog(dir.log()).close();
  const std::string how = GENERATE("crash", "enospc", "eio-write", "eio-sync");
  INFO(how);
  const VictimEnd end = run_victim(dir.log(), {"archive", "1200", how});
  REQUIRE(end.exit_code == 0);
  CHECK((end.number("durable") == 1) == (how == "crash"));
  OpenLog open(dir.log());
  const bool recorded = !open.log->archives().empty();
  if (how == "crash") CHECK(recorded);
  CHECK(files_in(dir.log().archive()).size() == (recorded ? 1 : 0));
  require_whole(*open.log, kArchiveEvents + (recorded ? 1 : 0));
}

// What an erasure does, step by step.
struct Erasure {
  explicit Erasure(const TempDir& dir) : log(dir.log()) {
    log.archive(600);
    log.archive(1200);
    for (const Sequence sequence : sequences) digests.push_back(log.open->log->event(sequence)->digest);
    auto rewritten = log.open->log->rewrite_archives(sequences);
    if (!rewritten) FAIL(rewritten.error().message);
    changes = *std::move(rewritten);
    REQUIRE(changes.size() == 2);
  }

  void append() {
    AppendRequest request = make_request(log.open->log->next_sequence(), 1);
    request.erase = sequences;
    request.archives = changes;
    log.open->commit(std::move(request));
  }

  [[nodiscard]] bool in_files(Sequence sequence) const {
    const std::string personal = make_event(sequence).personal_bytes;
    REQUIRE_FALSE(personal.empty());
    for (const std::string& name : files_in(log.paths.archive())) {
      if (read_file(log.paths.archive() / name).find(personal) != std::string::npos) return true;
    }
    return false;
  }

  void check_erased() const {
    const EventLog& opened = *log.open->log;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto event = opened.event(sequences[i]);
      REQUIRE(event);
      CHECK(event->erased);
      CHECK(event->personal_bytes.empty());
      CHECK(event->digest == digests[i]);
    }
    CHECK_FALSE(opened.event(12)->erased);
    const auto report = opened.verify({});
    CHECK(report->problems == std::vector<std::string>{});
    CHECK(report->erased_parts == sequences.size());
    require_events(opened, kArchiveEvents + 3);
  }

  ArchivedLog log;
  std::vector<Sequence> sequences{128, 500, 900, 1990};  // two archives, and the store
  std::vector<Digest> digests;
  std::vector<ArchiveChange> changes;
};

TEST_CASE("an erasure reaches into archives, and what was erased leaves their files") {
  const TempDir dir;
  Erasure erasure(dir);
  CHECK(erasure.in_files(128));
  CHECK_FALSE(erasure.log.open->log->event(128)->erased);
  EventLog::Snapshot held = erasure.log.open->log->snapshot();
  erasure.append();
  erasure.check_erased();
  REQUIRE(erasure.log.open->log->purge_erased());
  for (const Sequence sequence : {128u, 500u, 900u}) CHECK_FALSE(erasure.in_files(sequence));
  CHECK(erasure.in_files(12));
  CHECK(files_in(dir.log().archive()).size() == 2);
  erasure.check_erased();
  // Who began to read before reads on.
  Sequence seen = 0;
  REQUIRE(erasure.log.open->log->blocks(1, [&](const Block& block) {
    seen = block.last();
    return true;
  }, held));
  held.reset();
  CHECK(seen == kArchiveEvents + 2);
  erasure.log.reopen();
  erasure.check_erased();
}

TEST_CASE("an erasure in archives that is cut short is not there, or is there whole after the next start") {
  const TempDir dir;
  Erasure erasure(dir);
  SECTION("before it is recorded") {
    erasure.log.reopen();
    CHECK(files_in(dir.log().archive()).size() == 2);
    CHECK(erasure.in_files(128));
    CHECK_FALSE(erasure.log.open->log->event(128)->erased);
    require_whole(*erasure.log.open->log, kArchiveEvents + 2);
  }
  SECTION("after it is recorded, before the files have their names") {
    erasure.append();
    CHECK(files_in(dir.log().archive()).size() == 4);
    erasure.log.reopen();
    CHECK(files_in(dir.log().archive()).size() == 2);
    CHECK_FALSE(erasure.in_files(128));
    erasure.check_erased();
  }
  SECTION("with one of two files having its name") {
    erasure.append();
    const fs::path name = dir.log().archive() / erasure.log.open->log->archives()[0].name;
    fs::rename(next_of(name), name);
    erasure.log.reopen();
    erasure.check_erased();
  }
}

TEST_CASE("an erasure that needs a missing archive is refused before anything is changed") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  log.archive(1200);
  fs::remove(dir.log().archive() / log.open->log->archives()[0].name);
  const auto rewritten = log.open->log->rewrite_archives(std::vector<Sequence>{128, 1990});
  REQUIRE_FALSE(rewritten);
  CHECK_THAT(rewritten.error().message, Catch::Contains("put it back"));
  const auto none = log.open->log->rewrite_archives(std::vector<Sequence>{1990});
  REQUIRE(none);
  CHECK(none->empty());
}

TEST_CASE("a backup from before an erasure brings its own archive back") {
  const TempDir dir;
  Erasure erasure(dir);
  const fs::path backup = dir.path() / "backup";
  REQUIRE(erasure.log.open->log->backup(backup));
  erasure.append();
  REQUIRE(erasure.log.open->log->purge_erased());
  CHECK(verify_log({backup, backup}, {})->ok());  // its files are its own
  erasure.log.close();
  REQUIRE(restore_log(backup, dir.log(), {}));
  erasure.log.reopen();
  CHECK_FALSE(erasure.log.open->log->event(128)->erased);
  require_whole(*erasure.log.open->log, kArchiveEvents + 2);
}

TEST_CASE("an older banger does not take a log with archives for its own") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  log.close();
  const auto format = [&] { return **Store::open(dir.log().db(), StoreMode::kReadOnly)->get(Family::kMeta, kMetaFormat); };
  CHECK(format() == format_value(kLogFormat));
  log.reopen();
  log.archive(1200);
  log.close();
  CHECK(format() == format_value(kArchivedLogFormat));
}

}  // namespace
}  // namespace banger::log::test
