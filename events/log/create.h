// How a store begins: made aside, whole and synced, before it gets its name, so that a db/
// directory is never half a store; and how an epoch begins. For open, repair and restore. The order
// is what matters here: an anchor must never promise more than the store under its name holds.
#pragma once

#include "events/log/files.h"
#include "events/log/reader.h"

namespace banger::log {

// Makes db/ and the anchor. Only where no store has been: the anchor, if there is one, must be
// empty of events.
[[nodiscard]] Status create_store(const LogPaths& paths, const std::optional<StoreId>& id,
                                  AnchorFile& anchor);

// What a new database says of itself: format, id and its first epoch.
[[nodiscard]] Status begin_store(const Store& store, StoreId id, const Epoch& epoch);

// Makes a store of an older format one of this, before it is written to. Format 1 had a key for each
// projection's checkpoint; without them its rows are folded anew.
[[nodiscard]] Status raise_format(const Store& store);

// Puts the next epoch into the store and syncs it. `store` must not be in its place yet.
[[nodiscard]] Status begin_epoch(const Store& store, const Epoch& epoch);

}  // namespace banger::log
