// Walks a Store's blocks in order, whole: for what must keep their boundaries (bundles, archives)
// instead of only their events. For this folder's other files only.
#pragma once

#include "events/log/event_log.h"
#include "events/log/store.h"

namespace banger::log {

// From the block that holds `from` on, until the visitor says false. An Error where a block cannot
// be read.
[[nodiscard]] Status visit_blocks(const Store& store, Sequence from,
                                  const EventLog::BlockVisitor& visit,
                                  const rocksdb::Snapshot* snapshot = nullptr);

}  // namespace banger::log
