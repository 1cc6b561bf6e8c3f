// verify and backup of a Store that somebody has open already: EventLog, repair, restore.
// For this folder's other files only.
#pragma once

#include "events/log/archives.h"
#include "events/log/store.h"
#include "events/log/verify.h"

namespace banger::log {

// The walk alone, of the archives of `paths` and the store.
[[nodiscard]] Result<VerifyReport> walk_store(const Store& store, const LogPaths& paths,
                                              const VerifyProgress& progress);
// The walk, and the anchor of `paths`.
[[nodiscard]] Result<VerifyReport> verify_store(const Store& store, const LogPaths& paths,
                                                const VerifyProgress& progress);

// `target`, which must not be there yet, becomes the LogPaths{target, target} of a copy with its
// anchor and those archives that are there.
[[nodiscard]] Status backup_store(const Store& store, const Archives& archives,
                                  const std::filesystem::path& target);

}  // namespace banger::log
