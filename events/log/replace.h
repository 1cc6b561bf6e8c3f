// How another database takes a log's place: for restore, repair and import. For this folder's other files only.
#pragma once

#include "events/log/maintain.h"
#include "events/log/store.h"

namespace banger::log {

// The epoch goes into the copy, then the copy into its place, then the anchor: cut short anywhere,
// the log is either still the old one or one whose later epoch says that the operator decided.
[[nodiscard]] Result<Replaced> put_in_place(Store copy, const std::filesystem::path& copied, const LogPaths& paths,
                                            EpochReason reason, AnchorFile& anchor);

}  // namespace banger::log
