// What an operator does to a log that no daemon has open: back up, restore, repair, look. For
// `banger-log`; the daemon uses EventLog::backup. All take the log's lock, and none deletes what it
// replaces: the old database stays beside the new one as db.before-epoch-N until somebody removes
// it.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "events/log/event_log.h"
#include "events/log/verify.h"

namespace banger::log {

// What took the database's place.
struct Replaced {
  Epoch epoch;  // the one that began
  Sequence head = 0;
  std::filesystem::path kept_aside;  // the database before; empty where there was none
};

// Opens the log as the daemon would (so a damaged one is refused) and copies it.
[[nodiscard]] Status backup_log(const LogPaths& paths, const std::filesystem::path& target);

// Puts a verified backup in the log's place, in a new epoch, and its archives beside those that are
// there. Refuses another store's. One that lacks archives is taken: they may be kept elsewhere.
[[nodiscard]] Result<Replaced> restore_log(const std::filesystem::path& backup,
                                           const LogPaths& paths, const VerifyProgress& progress);

// Nothing: the log is sound, and was left alone. Otherwise a copy, opened up to the first damage of
// its WAL, takes its place if it verifies and holds what the anchor promises; if it holds less, or
// there is no anchor, only with `accept_loss`. Damage elsewhere than in the WAL is an Error:
// restore a backup. Archives stay as they are; missing ones are no damage.
[[nodiscard]] Result<std::optional<Replaced>> repair_log(const LogPaths& paths, bool accept_loss,
                                                         const VerifyProgress& progress);

struct LogStat {
  StoreId store;
  Head head;
  std::vector<Epoch> epochs;
  std::optional<Anchor> anchor;
  std::vector<ArchiveState> archives;
  std::uint64_t database_bytes = 0;
  std::uint64_t block_bytes = 0;  // of those, in tables: what archiving can take out
  std::uint64_t wal_bytes = 0;  // of those; to be replayed at the next open
  bool ballast = false;
};

[[nodiscard]] Result<LogStat> stat_log(const LogPaths& paths);

}  // namespace banger::log
