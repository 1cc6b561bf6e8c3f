#include "events/log/maintain.h"

#include <fcntl.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "events/log/create.h"
#include "events/log/reader.h"
#include "events/log/replace.h"
#include "events/log/verify_store.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

// A full copy, on disk: links would share the WAL, which opening the copy changes.
Status copy_database(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::remove_all(to, failed);  // of an earlier try
  if (!failed) fs::copy(from, to, fs::copy_options::recursive, failed);
  if (failed) {
    return fail("copy " + from.string() + " to " + to.string() + ": " + failed.message(),
                failed.value());
  }
  const Fd dir(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::syncfs(dir.get()) != 0) return fail_errno("sync " + to.string(), errno);
  return {};
}

std::uint64_t next_epoch(const Identity& identity, const std::optional<Anchor>& anchor) {
  return std::max(identity.epoch.number, anchor ? anchor->epoch : 0) + 1;
}

Result<bool> is_sound(const LogPaths& paths, const VerifyProgress& progress) {
  auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  if (!store) return false;
  auto report = verify_store(*store, paths, progress);
  if (!report) return std::unexpected(std::move(report).error());
  return report->ok_but_for_missing_archives();
}

// Why the copy may not simply take the log's place; nothing if it may.
Result<std::optional<Error>> loss_in(const Store& copy, const LogPaths& paths,
                                     const std::optional<Anchor>& anchor,
                                     const VerifyProgress& progress) {
  auto report = walk_store(copy, paths, progress);
  if (!report) return std::unexpected(std::move(report).error());
  if (!report->ok_but_for_missing_archives()) {
    return fail("the log is damaged beyond its write-ahead log (" + report->problems.front() +
                "): restore a backup");
  }
  auto identity = read_identity(copy);
  if (!identity) return std::unexpected(std::move(identity).error());
  if (anchor && anchor->store != identity->store) {
    return fail("the database is of another store than the anchor");
  }
  if (auto whole = check_anchor(copy, *identity, anchor); !whole) return whole.error();
  return std::nullopt;
}

}  // namespace

Result<Replaced> put_in_place(Store copy, const fs::path& copied, const LogPaths& paths,
                              EpochReason reason, AnchorFile& anchor) {
  auto identity = read_identity(copy);
  if (!identity) return std::unexpected(std::move(identity).error());
  const auto& promised = anchor.newest();
  Replaced replaced{.epoch = {.number = next_epoch(*identity, promised),
                              .reason = reason,
                              .begins_after = identity->head,
                              .anchored = promised ? promised->sequence : 0},
                    .head = identity->head,
                    .kept_aside = {}};
  BANGER_TRY(begin_epoch(copy, replaced.epoch));
  BANGER_TRY(copy.close());
  if (std::error_code ignored; fs::exists(paths.db(), ignored)) {
    replaced.kept_aside = paths.path / ("db.before-epoch-" + std::to_string(replaced.epoch.number));
    BANGER_TRY(rename_durably(paths.db(), replaced.kept_aside));
  }
  BANGER_TRY(rename_durably(copied, paths.db()));
  identity->epoch = replaced.epoch;
  BANGER_TRY(anchor.write(anchor_of(*identity)));
  return replaced;
}

Status backup_store(const Store& store, const Archives& archives, const fs::path& target) {
  std::error_code ignored;
  if (fs::exists(target, ignored)) return fail(target.string() + " exists already", EEXIST);
  BANGER_TRY(make_private_dir(target));
  const LogPaths copy{target, target};
  // Before the checkpoint, so that it finds the files that it speaks of, and after it what came between.
  BANGER_TRY(copy_archives(*archives.list(), copy.archive()));
  rocksdb::Checkpoint* made = nullptr;
  BANGER_TRY(check("back up", rocksdb::Checkpoint::Create(&store.db(), &made)));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  BANGER_TRY(check("back up", checkpoint->CreateCheckpoint(copy.db().string())));
  auto copied = Store::open(copy.db(), StoreMode::kReadOnly);
  if (!copied) return std::unexpected(std::move(copied).error());
  auto identity = read_identity(*copied);
  if (!identity) return std::unexpected(std::move(identity).error());
  BANGER_TRY(copy_archives(*archives.list(), copy.archive()));
  auto anchor = AnchorFile::open(copy, true);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  return anchor->write(anchor_of(*identity));
}

Status backup_log(const LogPaths& paths, const fs::path& target) {
  if (std::error_code ignored; !fs::exists(paths.db(), ignored)) {
    return fail("there is no log in " + paths.path.string(), ENOENT);  // open() would make one
  }
  auto log = EventLog::open({.paths = paths});
  if (!log) return std::unexpected(std::move(log).error());
  BANGER_TRY((*log)->backup(target));
  return (*log)->shutdown();
}

Result<Replaced> restore_log(const fs::path& backup, const LogPaths& paths,
                             const VerifyProgress& progress) {
  BANGER_TRY(make_private_dir(paths.path));
  BANGER_TRY(make_private_dir(paths.anchor_dir));
  auto lock = lock_log(paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto report = verify_log({backup, backup}, progress);
  if (!report) return std::unexpected(std::move(report).error());
  if (!report->ok_but_for_missing_archives()) {
    return fail("the backup is damaged: " + report->problems.front());
  }
  auto anchor = AnchorFile::open(paths, true);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  if (anchor->newest() && anchor->newest()->store != report->store) {
    return fail("the backup is of store " + report->store.hex() + ", and this log of store " +
                anchor->newest()->store.hex());
  }
  const fs::path copied = paths.path / "db.restoring";
  BANGER_TRY(copy_database(LogPaths{backup, backup}.db(), copied));
  auto copy = Store::open(copied, StoreMode::kWrite);
  if (!copy) return std::unexpected(std::move(copy).error());
  auto archived = read_archives(*copy);
  if (!archived) return std::unexpected(std::move(archived).error());
  const Archives archives(LogPaths{backup, backup}.archive(), report->store, *archived);
  BANGER_TRY(copy_archives(*archives.list(), paths.archive()));
  return put_in_place(std::move(*copy), copied, paths, EpochReason::kRestored, *anchor);
}

Result<std::optional<Replaced>> repair_log(const LogPaths& paths, bool accept_loss,
                                           const VerifyProgress& progress) {
  auto lock = lock_log(paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto sound = is_sound(paths, progress);
  if (!sound) return std::unexpected(std::move(sound).error());
  if (*sound) return std::nullopt;
  BANGER_TRY(make_private_dir(paths.anchor_dir));
  auto anchor = AnchorFile::open(paths, true);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  const fs::path copied = paths.path / "db.repairing";
  BANGER_TRY(copy_database(paths.db(), copied));
  auto copy = Store::open(copied, StoreMode::kPointInTime);
  if (!copy) {
    copy.error().message += ": restore a backup";
    return std::unexpected(std::move(copy).error());
  }
  auto loss = loss_in(*copy, paths, anchor->newest(), progress);
  if (!loss) return std::unexpected(std::move(loss).error());
  if (*loss && !accept_loss) {
    (*loss)->message += "; to go on with what is left, accept the loss";
    return std::unexpected(**loss);
  }
  const auto reason = *loss ? EpochReason::kLossAccepted : EpochReason::kRepaired;
  return put_in_place(std::move(*copy), copied, paths, reason, *anchor);
}

Result<LogStat> stat_log(const LogPaths& paths) {
  auto lock = lock_log(paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto anchor = AnchorFile::open(paths, false);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  if (!store) return std::unexpected(std::move(store).error());
  auto identity = read_identity(*store);
  if (!identity) return std::unexpected(std::move(identity).error());
  auto epochs = read_epochs(*store);
  if (!epochs) return std::unexpected(std::move(epochs).error());
  LogStat stat{.store = identity->store,
               .head = {identity->head, identity->chain, identity->epoch.number},
               .epochs = std::move(*epochs),
               .anchor = anchor->newest(),
               .archives = {}};
  auto archived = read_archives(*store);
  if (!archived) return std::unexpected(std::move(archived).error());
  stat.archives = states_of(*Archives(paths.archive(), stat.store, *archived).list());
  rocksdb::ColumnFamilyMetaData blocks;
  store->db().GetColumnFamilyMetaData(store->family(Family::kBlocks), &blocks);
  stat.block_bytes = blocks.size;
  std::error_code failed;
  for (fs::directory_iterator it(paths.db(), failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code gone;
    const std::uint64_t bytes = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    stat.database_bytes += bytes;
    if (it->path().extension() == ".log") stat.wal_bytes += bytes;
  }
  if (failed) return fail("list " + paths.db().string() + ": " + failed.message(), failed.value());
  stat.ballast = fs::exists(paths.path / "ballast", failed);
  return stat;
}

}  // namespace banger::log
