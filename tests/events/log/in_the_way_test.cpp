// A file where the log needs a directory, a directory where it needs a file, and files that are gone: an error that names
// the place, and nothing of the log is changed.
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "events/log/create.h"
#include "events/log/import.h"
#include "events/log/maintain.h"
#include "events/log/space.h"
#include "tests/events/log/archived.h"
#include "tests/events/log/tamper.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

int error_of(const auto& result) { return result ? 0 : result.error().sys_errno; }
std::string why(const auto& result) { return result ? "" : result.error().message; }
const Indexer kNoIndex = [](std::string_view) -> Result<EventPlace> { return fail("not asked for"); };

TEST_CASE("directories are made as far as there are none, and not where something else is") {
  const TempDir dir;
  const fs::path deep = dir.path() / "a" / "b" / "c";
  REQUIRE(make_private_dir(deep));
  CHECK(fs::status(deep).permissions() == fs::perms::owner_all);
  REQUIRE(make_private_dir(deep));
  write_file(dir.path() / "file", "");
  CHECK(error_of(make_private_dir(dir.path() / "file")) == EEXIST);
  CHECK(error_of(make_private_dir(dir.path() / "file" / "below")) == ENOTDIR);
  fs::create_symlink(dir.path() / "nowhere", dir.path() / "dangling");
  CHECK(error_of(make_private_dir(dir.path() / "dangling")) == EEXIST);
  CHECK(error_of(make_private_dir("")) == ENOENT);
  CHECK(error_of(sync_dir(dir.path() / "file")) == ENOTDIR);
  CHECK(sync_dir(""));  // of a name without a directory: here
}

TEST_CASE("a rename from one directory to another keeps the file, and fails where one of them is not") {
  const TempDir dir;
  fs::create_directory(dir.path() / "to");
  write_file(dir.path() / "file", "bytes");
  REQUIRE(rename_durably(dir.path() / "file", dir.path() / "to" / "file"));
  CHECK(read_file(dir.path() / "to" / "file") == "bytes");
  CHECK(error_of(rename_durably(dir.path() / "file", dir.path() / "to" / "other")) == ENOENT);
}

TEST_CASE("what is in the way of a log keeps it from being opened, checked, repaired, restored, imported and counted") {
  const TempDir dir;
  const LogPaths paths = dir.log();
  make_log(paths, 20);
  const auto all = [&] {
    return std::vector{why_refused(paths).empty() ? "" : "open",
                       verify_log(paths, {}) ? "" : "verify",
                       stat_log(paths) ? "" : "stat",
                       repair_log(paths, true, {}) ? "" : "repair",
                       restore_log(paths.path, paths, {}) ? "" : "restore",
                       import_bundles({}, paths, kNoIndex, {}) ? "" : "import"};
  };
  const std::vector<const char*> everything{"open", "verify", "stat", "repair", "restore", "import"};
  SECTION("a directory for its lock") {
    fs::remove(paths.path / "lock");
    fs::create_directory(paths.path / "lock");
  }
  SECTION("a directory for its anchor") {
    fs::remove(paths.anchor_file());
    fs::create_directory(paths.anchor_file());
    // A sound log whose anchor cannot be read is no log that may be repaired.
    CHECK(error_of(verify_log(paths, {})) == EISDIR);
  }
  CHECK(all() == everything);
}

TEST_CASE("a file where the anchor's directory should be, or the log's own") {
  const TempDir dir;
  write_file(dir.path() / "file", "");
  const LogPaths no_anchor{dir.path() / "log", dir.path() / "file"};
  const LogPaths no_log{dir.path() / "file", dir.path() / "anchor"};
  for (const LogPaths& paths : {no_anchor, no_log}) {
    CHECK(error_of(EventLog::open({.paths = paths})) == EEXIST);
    CHECK(error_of(restore_log(dir.path(), paths, {})) == EEXIST);
    CHECK(error_of(import_bundles({}, paths, kNoIndex, {})) == EEXIST);
  }
  CHECK(error_of(AnchorFile::open(no_anchor, false)) == ENOTDIR);
}

TEST_CASE("a database that is a file is none: refused by all, and left as it is") {
  const TempDir dir;
  const LogPaths paths = dir.log();
  make_log(paths, 20);
  fs::rename(paths.db(), dir.path() / "kept");
  write_file(paths.db(), "no database");
  CHECK_FALSE(why_refused(paths).empty());
  CHECK_FALSE(verify_log(paths, {})->ok());
  CHECK_FALSE(stat_log(paths));
  CHECK_FALSE(backup_log(paths, dir.path() / "backup"));
  CHECK_THAT(why(repair_log(paths, true, {})), Catch::Contains("restore a backup") || Catch::Contains("sync"));
  fs::remove(paths.anchor_file());
  CHECK_FALSE(import_bundles({}, paths, kNoIndex, {}));
  CHECK(read_file(paths.db()) == "no database");
}

TEST_CASE("a database that is gone cannot be repaired, nor a backup restored that is none") {
  const TempDir dir;
  const LogPaths paths = dir.log();
  make_log(paths, 20);
  fs::remove_all(paths.db());
  CHECK(error_of(repair_log(paths, true, {})) == ENOENT);
  CHECK_THAT(why(restore_log(dir.path() / "nowhere", paths, {})), Catch::Contains("nowhere"));
  fs::create_directory(dir.path() / "empty");
  CHECK_THAT(why(restore_log(dir.path() / "empty", paths, {})), Catch::Contains("the backup is damaged"));
  CHECK_FALSE(fs::exists(paths.db()));
}

TEST_CASE("a restore over a database that its anchor is of another store than, or whose archives have no place") {
  const TempDir dir;
  ArchivedLog archived(dir.log());
  archived.archive(1500);
  const fs::path backup = dir.path() / "backup";
  REQUIRE(archived.open->log->backup(backup));
  archived.close();
  const LogPaths elsewhere{dir.path() / "new", dir.path() / "new-anchor"};
  fs::create_directories(elsewhere.path);
  write_file(elsewhere.archive(), "");  // a file where archives go
  CHECK(error_of(restore_log(backup, elsewhere, {})) == EEXIST);
  fs::remove(elsewhere.archive());
  REQUIRE(restore_log(backup, elsewhere, {}));
  const auto report = verify_log(elsewhere, {});
  REQUIRE(report);
  CHECK(report->archives == 1);
  CHECK(report->ok());
}

TEST_CASE("a backup goes where nothing is, and where it can") {
  const TempDir dir;
  const OpenLog open(dir.log());
  CHECK(error_of(open.log->backup(dir.path())) == EEXIST);
  write_file(dir.path() / "file", "");
  CHECK(error_of(open.log->backup(dir.path() / "file" / "backup")) == ENOTDIR);
}

TEST_CASE("archives that are not files are not read, written, copied or tidied away") {
  const TempDir dir;
  ArchivedLog archived(dir.log());
  const fs::path folder = dir.log().archive();
  SECTION("a file where their directory should be") {
    const auto plan = archived.open->log->plan_archive(1500, 1500);
    REQUIRE(plan);
    write_file(folder, "");
    CHECK(error_of(archived.open->log->write_archive(*plan, {})) == EEXIST);
    archived.close();
    CHECK_FALSE(why_refused(dir.log()).empty());
  }
  SECTION("a directory where the file to be written is") {
    const auto plan = archived.open->log->plan_archive(1500, 1500);
    REQUIRE(plan);
    const std::string name = archived.open->log->store_id().hex() + "-1.writing";
    fs::create_directories(folder / name);
    CHECK(error_of(archived.open->log->write_archive(*plan, {})) == EISDIR);
  }
  SECTION("a directory in an archive's place") {
    const ArchiveRecord record = archived.archive(1500);
    const fs::path file = folder / archive_name(archived.open->log->store_id(), record);
    archived.reopen();
    fs::rename(file, dir.path() / "kept");
    fs::create_directory(file);
    const std::vector<Sequence> some{2};
    CHECK_THAT(why(archived.open->log->rewrite_archives(some)), Catch::Contains(archive_name(archived.open->log->store_id(), record)));
    CHECK_FALSE(archived.open->log->backup(dir.path() / "backup"));
    const auto report = archived.open->log->verify({});
    REQUIRE(report);
    CHECK(report->missing_archives == 0);  // it is there, and no archive
    CHECK_FALSE(report->ok_but_for_missing_archives());
  }
  SECTION("a directory that looks like what an archive left over") {
    archived.archive(1500);
    const std::string name = archived.open->log->store_id().hex() + "-9.archive.next";
    fs::create_directories(folder / name / "x");
    archived.close();
    CHECK_THAT(why_refused(dir.log()), Catch::Contains("remove") && Catch::Contains(name));
    CHECK(fs::exists(folder / name / "x"));
  }
}

TEST_CASE("an archive is planned of what the anchor has reached, and of what is there") {
  const TempDir dir;
  ArchivedLog archived(dir.log());
  EventLog& log = *archived.open->log;
  const auto plan = log.plan_archive(1500, 1500);
  REQUIRE(plan);
  REQUIRE(plan->last > 0);
  ArchivePlan beyond = *plan;
  beyond.first = beyond.last = kArchiveEvents + 1000;
  CHECK_THAT(why(log.write_archive(beyond, {})), Catch::Contains("has changed since"));
  fs::remove(dir.log().anchor_file());
  fs::create_directory(dir.log().anchor_file());
  CHECK(error_of(log.plan_archive(1500, 1500)) == EISDIR);
  fs::remove(dir.log().anchor_file());
  const auto none = log.plan_archive(1500, 1500);
  REQUIRE(none);
  CHECK(none->last == 0);
}

TEST_CASE("ballast that cannot be made or let go is an error of whoever looks at the room") {
  const TempDir dir;
  CHECK(error_of(Space(dir.path() / "gone", 1, 1).low()) == ENOENT);
  Space space(dir.path(), 1, 1u << 20);
  fs::create_directory(dir.path() / "ballast");
  CHECK(error_of(space.low()) == EISDIR);
  fs::remove(dir.path() / "ballast");
  CHECK_FALSE(space.low().value());
  CHECK(fs::file_size(dir.path() / "ballast") == 1u << 20);
  CHECK_FALSE(space.low().value());
  CHECK(Space(dir.path(), UINT64_MAX >> 1, 1u << 20).low().value());
  CHECK_FALSE(fs::exists(dir.path() / "ballast"));
}

TEST_CASE("something in the place where a new store is made goes, where it can") {
  const TempDir dir;
  fs::create_directories(dir.log().path / "db.new" / "left over");
  REQUIRE(head_of(dir.log()) == 0);
  CHECK_FALSE(fs::exists(dir.log().path / "db.new"));
}

}  // namespace
}  // namespace banger::log::test
