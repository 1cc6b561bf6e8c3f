// Reads of a Store for those who hold it against itself: rows of one moment, and the way back from an event to
// its stream. For EventLog only.
#pragma once

#include "events/log/event_log.h"
#include "events/log/store.h"

namespace banger::log {

[[nodiscard]] std::unique_ptr<RowSnapshot> take_row_snapshot(const Store& store);
// Walks the stream index until it has found the event.
[[nodiscard]] Result<StreamId> find_stream(const Store& store, Sequence sequence);

}  // namespace banger::log
