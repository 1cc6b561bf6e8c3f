// How the oldest blocks leave the store: planned, written into a file, read back; and how an erasure
// reaches them there. For EventLog only, which hands what comes of it to the writer's thread: nothing
// here changes the database, so that whatever is cut short leaves the log as it was. One at a time:
// whoever archives or erases keeps the other away.
#pragma once

#include <span>
#include <vector>

#include "events/log/archives.h"
#include "events/log/event_log.h"

namespace banger::log {

// `limit`: the last event that may leave the store, besides what the log itself still works on.
[[nodiscard]] Result<ArchivePlan> plan_archive(const Store& store, const Archives& archives,
                                               const LogPaths& paths, Sequence before, Sequence limit);
// The file, verified and under its name.
[[nodiscard]] Result<ArchiveChange> write_archive(const Store& store, const LogPaths& paths, StoreId id,
                                                  const ArchivePlan& plan,
                                                  const VerifyProgress& progress);
// New files for the archives that hold one of the events, without their personal parts, ready to take
// the old ones' places.
[[nodiscard]] Result<std::vector<ArchiveChange>> rewrite_archives(const ArchiveList& list,
                                                                  const LogPaths& paths, StoreId id,
                                                                  std::span<const Sequence> events);

}  // namespace banger::log
