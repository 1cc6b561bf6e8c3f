#include "events/log/maintain.h"

#include <filesystem>

#include "events/log/keys.h"
#include "tests/events/log/tamper.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;

std::string problem_of(const LogPaths& paths) {
  auto report = verify_log(paths, {});
  REQUIRE(report);
  REQUIRE_FALSE(report->ok());
  return report->problems.front();
}

TEST_CASE("verify counts what there is and shows its progress") {
  const TempDir dir;
  make_log(dir.log(), 200);
  Sequence told = 0;
  auto report = verify_log(dir.log(), [&](Sequence done, Sequence total) {
    REQUIRE(done >= told);
    REQUIRE(total == 200);
    told = done;
  });
  REQUIRE((report && report->ok()));
  REQUIRE(told == 200);
  REQUIRE(report->events == 200);
  REQUIRE(report->blocks == 20);
  REQUIRE(report->streams == 7);
  REQUIRE(report->commands == 20);
  REQUIRE(report->anchor->sequence == 200);
}

TEST_CASE("verify finds an index that does not fit the events") {
  const TempDir dir;
  make_log(dir.log(), 50);
  SECTION("stream entry missing") {
    tamper(dir.log(), Family::kStreams, stream_key({StreamKind::kVm, 3}, 2), std::nullopt);
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("gap in the versions"));
  }
  SECTION("last stream entry missing") {
    tamper(dir.log(), Family::kStreams, stream_key({StreamKind::kVm, 1}, 8), std::nullopt);
    REQUIRE(problem_of(dir.log()) == "stream index lacks events: 1");
  }
  SECTION("stream entry of another event") {
    tamper(dir.log(), Family::kStreams, stream_key({StreamKind::kVm, 3}, 2), number_key(1));
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("twice"));
  }
  SECTION("kind entry missing") {
    tamper(dir.log(), Family::kKinds, kind_key(2, 1), std::nullopt);
    REQUIRE(problem_of(dir.log()) == "kind index lacks events: 4");  // of one commit: 1, 4, 7, 10
  }
  SECTION("kind entry beyond the log") {
    tamper(dir.log(), Family::kKinds, kind_key(2, 51), "");
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("no such event"));
  }
  SECTION("command record beyond the log") {
    const CommandRecord record{
        .id = {1, 1}, .request_digest = {}, .first_sequence = 50, .event_count = 2, .subject = {}};
    tamper(dir.log(), Family::kCommands, command_key(record.id), command_value(record));
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("its events are not there"));
  }
  SECTION("checkpoint beyond the log") {
    tamper(dir.log(), Family::kProjections, std::string(kCheckpointsKey),
           checkpoints_value({{{"fleet", 1}, 51}}));
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("projection fleet"));
  }
}

// Format 1 had a key for each event in the kind index, and one for each projection's checkpoint.
TEST_CASE("a log of format 1 is raised to this format, once it is opened for writing") {
  const TempDir dir;
  {
    OpenLog open(dir.log());
    for (Sequence first = 1; first <= 7; ++first) open.commit(make_request(first, 1));
  }
  const auto open_store = [&] { return Store::open(dir.log().db(), StoreMode::kWrite); };
  const std::string old_checkpoint("fleet\0\0\0\0\1c", 11);
  {
    auto store = open_store();
    REQUIRE(store);
    rocksdb::WriteBatch batch = make_batch();
    rocksdb::ColumnFamilyHandle* rows = store->family(Family::kProjections);
    REQUIRE(batch.Delete(rows, std::string(kCheckpointsKey)).ok());
    REQUIRE(batch.Put(rows, old_checkpoint, number_key(7)).ok());
    REQUIRE(batch.Put(store->family(Family::kMeta), kMetaFormat, std::string("\0\0\0\1", 4)).ok());
    REQUIRE(store->write(batch));
  }
  {
    OpenLog open(dir.log());
    REQUIRE(*open.log->checkpoint("fleet", 1) == 0);  // its rows are folded anew
    REQUIRE(**open.log->row("fleet", 1, "last") == "7");
    open.commit(make_request(8, 5));
    REQUIRE(*open.log->checkpoint("fleet", 1) == 12);
    REQUIRE(*open.log->events_of_kind(1, 1, 9) == std::vector<Sequence>{3, 6, 9, 12});
    REQUIRE(*open.log->events_of_kind_before(1, 12, 9) == std::vector<Sequence>{9, 6, 3});
  }
  auto store = open_store();
  REQUIRE(store);
  REQUIRE_FALSE(*store->get(Family::kProjections, old_checkpoint));
  REQUIRE(**store->get(Family::kMeta, kMetaFormat) == std::string("\0\0\0\2", 4));
}

TEST_CASE("verify finds an event that was changed, left out or put in, however well it was done") {
  const TempDir dir;
  make_log(dir.log(), 50);
  Hasher hasher;
  std::string bytes;
  {
    auto store = Store::open(dir.log().db(), StoreMode::kReadOnly);
    REQUIRE(store);
    bytes = **store->get(Family::kBlocks, number_key(21));
  }
  Block block;
  REQUIRE(decode_block(bytes, block));
  SECTION("a block missing") {
    tamper(dir.log(), Family::kBlocks, number_key(21), std::nullopt);
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("block at event 21"));
  }
  SECTION("an event rewritten, with new checksums and hashes") {
    block.frames[3].public_bytes = "nothing happened here";
    const EncodedBlock forged = encode_block(block.previous, block.frames, hasher);
    tamper(dir.log(), Family::kBlocks, number_key(21), forged.bytes);
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("does not chain"));
  }
  SECTION("a personal part swapped for another") {
    std::string other = "salt and somebody else";
    block.frames[1].part_bytes = other;
    const EncodedBlock forged = encode_block(block.previous, block.frames, hasher);
    tamper(dir.log(), Family::kBlocks, number_key(21), forged.bytes);
    REQUIRE_FALSE(verify_log(dir.log(), {})->ok());
  }
  SECTION("the last block rewritten: only the anchor knows") {
    auto store = Store::open(dir.log().db(), StoreMode::kReadOnly);
    bytes = **store->get(Family::kBlocks, number_key(41));
    REQUIRE(decode_block(bytes, block));
    block.frames[9].public_bytes = "nothing happened here";
    const EncodedBlock forged = encode_block(block.previous, block.frames, hasher);
    REQUIRE(store->close());
    tamper(dir.log(), Family::kBlocks, number_key(41), forged.bytes);
    REQUIRE_THAT(problem_of(dir.log()), Catch::Contains("the log was changed"));
    REQUIRE_THAT(why_refused(dir.log()), Catch::Contains("the log was changed"));
  }
}

TEST_CASE("a backup beside the running writer is whole, and restores in a new epoch") {
  const TempDir dir;
  const fs::path target = dir.path() / "backup";
  StoreId store;
  {
    OpenLog open(dir.log());
    store = open.log->store_id();
    open.commit(make_request(1, 30));
    REQUIRE(open.log->backup(target));
    REQUIRE_FALSE(open.log->backup(target));  // never over another one
    for (Sequence first = 31; first <= 40; ++first) open.commit(make_request(first, 1));
  }
  auto report = verify_log({target, target}, {});
  REQUIRE((report && report->ok()));
  REQUIRE(report->head == 30);
  auto restored = restore_log(target, dir.log(), {});
  INFO((restored ? "" : restored.error().message));
  REQUIRE(restored);
  REQUIRE(restored->epoch == Epoch{2, EpochReason::kRestored, 30, 40});
  {
    OpenLog open(dir.log());
    REQUIRE(open.log->store_id() == store);
    REQUIRE(open.log->head().epoch == 2);
    REQUIRE(open.log->head().sequence == 30);
    require_events(*open.log, 30);
    open.commit(make_request(31, 1));
  }
  // The same backup once more: an epoch is never used twice.
  restored = restore_log(target, dir.log(), {});
  REQUIRE(restored);
  REQUIRE(restored->epoch.number == 3);
  REQUIRE(OpenLog(dir.log()).log->epochs()->size() == 2);  // 1 and 3: epoch 2 is not in its past
  REQUIRE(verify_log({target, target}, {})->ok());         // restoring left the backup alone
}

TEST_CASE("a restore onto an empty place, and a cut short one, come up") {
  const TempDir dir;
  const LogPaths fresh{dir.path() / "fresh", dir.path() / "fresh-anchor"};
  make_log(dir.log(), 20);
  const std::string old_anchor = read_file(dir.log().anchor_file());
  REQUIRE(backup_log(dir.log(), dir.path() / "backup"));
  auto restored = restore_log(dir.path() / "backup", fresh, {});
  REQUIRE(restored);
  REQUIRE(restored->kept_aside.empty());
  REQUIRE(head_of(fresh) == 20);
  // Killed before its last step, the anchor: the store's later epoch is the operator's word.
  REQUIRE(restore_log(dir.path() / "backup", dir.log(), {}));
  write_file(dir.log().anchor_file(), old_anchor);
  REQUIRE(head_of(dir.log()) == 20);
  auto anchor = AnchorFile::open(dir.log(), false);
  REQUIRE(anchor->newest()->epoch == 2);
}

TEST_CASE("restore refuses a damaged backup and another store's") {
  const TempDir dir;
  const LogPaths other{dir.path() / "other", dir.path() / "other-anchor"};
  make_log(dir.log(), 20);
  make_log(other, 20);
  REQUIRE(backup_log(other, dir.path() / "others"));
  REQUIRE_THAT(restore_log(dir.path() / "others", dir.log(), {}).error().message,
               Catch::Contains("the backup is of store"));
  const LogPaths backup{dir.path() / "backup", dir.path() / "backup"};
  REQUIRE(backup_log(dir.log(), backup.path));
  tamper(backup, Family::kBlocks, number_key(11), std::nullopt);
  REQUIRE_THAT(restore_log(backup.path, dir.log(), {}).error().message,
               Catch::Contains("the backup is damaged"));
  REQUIRE(verify_log(dir.log(), {})->ok());
}

TEST_CASE("maintenance leaves a sound log, an absent log and an open log alone") {
  const TempDir dir;
  REQUIRE_FALSE(backup_log(dir.log(), dir.path() / "backup"));
  REQUIRE_FALSE(fs::exists(dir.log().path));
  make_log(dir.log(), 20);
  auto repaired = repair_log(dir.log(), true, {});
  REQUIRE(repaired);
  REQUIRE_FALSE(*repaired);
  const OpenLog open(dir.log());
  REQUIRE_FALSE(verify_log(dir.log(), {}));
  REQUIRE_FALSE(repair_log(dir.log(), true, {}));
  REQUIRE_FALSE(restore_log(dir.path() / "backup", dir.log(), {}));
  REQUIRE_FALSE(stat_log(dir.log()));
}

TEST_CASE("stat tells head, anchor, epochs and sizes") {
  const TempDir dir;
  make_log(dir.log(), 20);
  auto stat = stat_log(dir.log());
  REQUIRE(stat);
  REQUIRE(stat->head.sequence == 20);
  REQUIRE(stat->anchor->chain == stat->head.chain);
  REQUIRE(stat->epochs == std::vector<Epoch>{{1, EpochReason::kCreated, 0, 0}});
  REQUIRE(stat->wal_bytes > 20 * 180);
  REQUIRE(stat->database_bytes > stat->wal_bytes);
  REQUIRE_FALSE(stat->ballast);
}

}  // namespace
}  // namespace banger::log::test
