// A log whose oldest events are in files says what it said before; and says what is missing where a
// file is.
#include <filesystem>

#include "events/log/keys.h"
#include "events/log/maintain.h"
#include "events/log/ordered_read.h"
#include "events/log/store.h"
#include "tests/catch.h"
#include "tests/events/log/archived.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

// Everything that can be asked of a log about its events, as text.
struct Said {
  std::vector<std::string> events, frames, commits, one_by_one, prepared;
  Sequence next = 0, first = 0;
  Digest chain{};
  std::uint64_t verified = 0;

  friend bool operator==(const Said&, const Said&) = default;
};

std::string text_of(const Frame& frame) {
  return std::to_string(frame.sequence) + " " + std::string(frame.public_bytes) + " " +
         std::string(frame.personal_bytes());
}

Said ask(const EventLog& log) {
  Said said;
  const Sequence head = log.head().sequence;
  auto next = log.read(1, SIZE_MAX, [&](const Frame& frame) {
    said.events.push_back(text_of(frame));
    return true;
  });
  REQUIRE(next);
  said.next = *next;
  said.first = log.first_sequence();
  REQUIRE(log.blocks(1, [&](const Block& block) {
    for (const Frame& frame : block.frames) said.frames.push_back(text_of(frame));
    return true;
  }));
  REQUIRE(log.commits(1, [&](const Block& block) {
    said.commits.push_back(std::to_string(block.first) + " " + to_hex(block.previous) + " " + to_hex(block.chain));
    return true;
  }));
  std::vector<Sequence> some;  // back and forth over the border
  for (Sequence sequence = 1; sequence <= head; sequence += 97) {
    some.push_back(sequence);
    some.push_back(head + 1 - sequence);
  }
  REQUIRE(log.visit_events(some, [&](const Frame& frame) {
    said.one_by_one.push_back(text_of(frame));
    return true;
  }));
  for (const Sequence sequence : some) {
    const auto event = log.event(sequence);
    REQUIRE(event);
    said.one_by_one.push_back(event->public_bytes + event->personal_bytes + to_hex(event->digest));
  }
  using Chunk = std::vector<std::string>;
  REQUIRE(OrderedRead<Chunk>(log, {.from = 1,
                                   .last = head,
                                   .verified = true,
                                   .prepare = [](const Frame& frame, Chunk& chunk) -> Status {
                                     chunk.push_back(text_of(frame));
                                     return {};
                                   },
                                   .consume = [&](Chunk& chunk) -> Status {
                                     said.prepared.insert(said.prepared.end(), chunk.begin(), chunk.end());
                                     return {};
                                   }})
              .run());
  const auto report = log.verify({});
  REQUIRE(report);
  CHECK(report->problems == std::vector<std::string>{});
  said.chain = report->chain;
  said.verified = report->events;
  return said;
}

template <class T>
Status status_of(Result<T> result) {
  return result ? Status() : Status(std::unexpected(std::move(result).error()));
}

Sequence first_stored(const LogPaths& paths) {
  const auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  REQUIRE(store);
  auto it = store->scan(Family::kBlocks);
  it->SeekToFirst();
  REQUIRE(it->Valid());
  return *parse_number(it->key().ToStringView());
}

TEST_CASE("a log with archives answers every question as it did before, also after a restart") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const Said before = ask(*log.open->log);
  REQUIRE(before.next == kArchiveEvents + 1);
  REQUIRE(before.first == 1);
  const auto plan = log.open->log->plan_archive(1000, kArchiveEvents);
  REQUIRE(plan);
  CHECK(plan->first == 1);
  CHECK(plan->last < 1000);
  CHECK(plan->last > 600);  // rounded down to where a block begins, and merged ones have 250 events here
  std::vector<Sequence> told;
  const auto change = log.open->log->write_archive(*plan, [&](Sequence done, Sequence total) {
    CHECK(done <= total);
    told.push_back(done);
  });
  REQUIRE(change);
  CHECK(told.back() == 2 * plan->last);
  CHECK(ask(*log.open->log) == before);  // a file, and nothing more yet
  EventLog::Snapshot held = log.open->log->snapshot();
  log.record(*change);
  CHECK(log.open->log->archives().size() == 1);
  CHECK(log.open->log->archives()[0].problem.empty());

  SECTION("while one who began to read before goes on") {
    Sequence seen = 0;
    REQUIRE(log.open->log->blocks(1, [&](const Block& block) {
      CHECK(block.first == seen + 1);
      seen = block.last();
      return true;
    }, held));
    CHECK(seen == kArchiveEvents);
    held.reset();
  }
  SECTION("with one event more: the one that recorded it") {
    held.reset();  // none may outlive its log
    Said after = ask(*log.open->log);
    CHECK(after.next == before.next + 1);
    after.events.resize(before.events.size());
    CHECK(after.events == before.events);
    after.frames.resize(before.frames.size());
    CHECK(after.frames == before.frames);
    after.commits.resize(before.commits.size());
    CHECK(after.commits == before.commits);
    after.prepared.resize(before.prepared.size());
    CHECK(after.prepared == before.prepared);
    CHECK(after.first == 1);
    CHECK(after.verified == kArchiveEvents + 1);
    log.reopen();
    Said again = ask(*log.open->log);
    CHECK(again.chain == after.chain);
    CHECK(again.next == after.next);
    again.events.resize(before.events.size());
    CHECK(again.events == before.events);
  }
  SECTION("and a second time makes a second file") {
    held.reset();
    const auto none = log.open->log->plan_archive(plan->last + 1, kArchiveEvents);
    REQUIRE(none);
    CHECK(none->last == 0);
    const ArchiveRecord second = log.archive(1600);
    CHECK(second.first == plan->last + 1);
    CHECK(log.open->log->archives().size() == 2);
    const Said after = ask(*log.open->log);
    log.reopen();
    CHECK(ask(*log.open->log) == after);
    REQUIRE(log.open->log->purge_archived());
    CHECK(ask(*log.open->log) == after);
    log.close();
    CHECK(first_stored(dir.log()) == second.last + 1);
    const auto report = verify_log(dir.log(), {});
    REQUIRE(report);
    CHECK(report->ok());
    CHECK(report->archives == 2);
    const auto stat = stat_log(dir.log());
    REQUIRE(stat);
    REQUIRE(stat->archives.size() == 2);
    CHECK(stat->archives[1].record == second);
  }
}

TEST_CASE("what must stay in the store is not archived") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const EventLog& opened = *log.open->log;
  CHECK(opened.plan_archive(1, kArchiveEvents)->last == 0);
  CHECK(opened.plan_archive(kArchiveEvents, 0)->last == 0);
  CHECK(opened.plan_archive(kArchiveEvents, 600)->last <= 600);
  const auto all = opened.plan_archive(UINT64_MAX, kArchiveEvents);
  REQUIRE(all);
  CHECK(all->last > 1000);
  CHECK(all->last <= kArchiveEvents - 256);  // what merging has yet to look at
  CHECK(all->bytes > 100 * all->last);
}

TEST_CASE("where an archive is missing the log opens, and says what it lacks until it is back") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  log.archive(600);
  const ArchiveRecord second = log.archive(1200);
  const Said whole = ask(*log.open->log);
  const fs::path file = dir.log().archive() / log.open->log->archives()[1].name;
  const fs::path away = dir.path() / "cold";
  const bool reopened = GENERATE(false, true);
  fs::rename(file, away);
  if (reopened) log.reopen();
  const EventLog& opened = *log.open->log;
  CHECK(opened.first_sequence() == second.last + 1);
  const std::string name = file.filename().string();
  const std::string range = "(events " + std::to_string(second.first) + " to " + std::to_string(second.last) + ")";
  const auto nothing = [](const auto&) { return true; };
  for (const Status& failed :
       {status_of(opened.read(second.first, SIZE_MAX, nothing)),
        opened.blocks(second.last, nothing), opened.commits(second.first, nothing),
        status_of(opened.event(second.last)),
        opened.visit_events(std::vector<Sequence>{second.first}, nothing)}) {
    REQUIRE_FALSE(failed);
    CHECK_THAT(failed.error().message, Catch::Contains(name) && Catch::Contains(range));
  }
  const Status replayed = OrderedRead<int>(opened, {.from = 1,
                                                    .last = opened.head().sequence,
                                                    .prepare = [](const Frame&, int&) { return Status(); },
                                                    .consume = [](int&) { return Status(); }})
                              .run();
  REQUIRE_FALSE(replayed);  // so that what is made of only a part of the log is taken for nothing
  CHECK_THAT(replayed.error().message, Catch::Contains(name));
  CHECK(opened.event(second.first - 1));
  CHECK(opened.event(second.last + 1));
  CHECK(opened.read(second.last + 1, SIZE_MAX, nothing));
  CHECK_THAT(opened.archives()[1].problem, Catch::Contains("put it back"));
  const auto report = opened.verify({});
  REQUIRE(report);
  REQUIRE(report->problems.size() == 1);
  CHECK_THAT(report->problems[0], Catch::Contains(name) && Catch::Contains(range) && Catch::Contains("put it back"));
  CHECK(report->missing_archives == 1);
  CHECK(report->head == kArchiveEvents + 2);
  fs::rename(away, file);
  CHECK(ask(opened) == whole);
}

TEST_CASE("a damaged archive is an error where it is read, and a problem to verify") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const ArchiveRecord record = log.archive(1200);
  const std::string name = log.open->log->archives()[0].name;
  flip_bit(dir.log().archive() / name, record.bytes / 2);
  const auto read = log.open->log->read(1, SIZE_MAX, [](const Frame&) { return true; });
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message, Catch::Contains(name));
  CHECK(log.open->log->event(1));
  const auto report = log.open->log->verify({});
  REQUIRE(report->problems.size() == 1);
  CHECK_THAT(report->problems[0], Catch::Contains(name));
  CHECK_FALSE(report->ok_but_for_missing_archives());
  log.reopen();
  CHECK(log.open->log->read(record.last + 1, SIZE_MAX, [](const Frame&) { return true; }));
  flip_bit(dir.log().archive() / name, 20);  // its header: now nothing of it can be read
  CHECK(log.open->log->first_sequence() == record.last + 1);
}

TEST_CASE("a backup has the archives, and a restore brings them back") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  const ArchiveRecord record = log.archive(1200);
  const fs::path backup = dir.path() / "backup";
  REQUIRE(log.open->log->backup(backup));
  const Said said = ask(*log.open->log);
  const std::string name = log.open->log->archives()[0].name;
  CHECK(fs::exists(LogPaths{backup, backup}.archive() / name));
  CHECK(verify_log({backup, backup}, {})->ok());
  log.close();

  SECTION("where everything was lost") {
    fs::remove_all(dir.log().path);
    REQUIRE(restore_log(backup, dir.log(), {}));
  }
  SECTION("beside what is there") {
    REQUIRE(restore_log(backup, dir.log(), {}));
  }
  SECTION("also where the archive is kept elsewhere") {
    fs::remove(LogPaths{backup, backup}.archive() / name);
    REQUIRE(restore_log(backup, dir.log(), {}));
  }
  log.reopen();
  CHECK(ask(*log.open->log) == said);
  CHECK(log.open->log->archives()[0].record == record);
}

TEST_CASE("repair leaves archives alone, and takes a missing one for no damage") {
  const TempDir dir;
  ArchivedLog log(dir.log());
  log.archive(1200);
  const fs::path file = dir.log().archive() / log.open->log->archives()[0].name;
  const Said said = ask(*log.open->log);
  log.close();
  const fs::path away = dir.path() / "cold";
  fs::rename(file, away);
  auto repaired = repair_log(dir.log(), false, {});
  REQUIRE(repaired);
  CHECK_FALSE(*repaired);
  fs::remove(dir.log().anchor_file());  // now there is something to repair
  repaired = repair_log(dir.log(), true, {});
  if (!repaired) FAIL(repaired.error().message);
  REQUIRE(*repaired);
  fs::rename(away, file);
  log.reopen();
  CHECK(ask(*log.open->log) == said);
}

}  // namespace
}  // namespace banger::log::test
