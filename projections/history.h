// history: one row a stream, kept for ever, so that what was deleted is still found by its name and its events
// by their place. An index, not a copy: the facts stay in the log. A row changes when its stream begins and
// when it ends, not with every event: how far it got is in the stream's index.
#pragma once

#include <map>

#include "events/envelope.h"

namespace banger {

struct HistoryRow {
  StreamId stream;
  std::string name;
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;  // 0 while it lives, as below
  std::int64_t created_at_ns = 0;
  std::int64_t deleted_at_ns = 0;  // 0 while it lives

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

// Whether this event is one that changes its stream's row: its first, or one after which there are no more.
[[nodiscard]] bool changes_history(const EventRecord& record);
// Folds such an event into the row, which is empty before the stream's first.
void fold_history(HistoryRow& row, const EventRecord& record);
// One that cannot be read tells no more than that there is such a stream.
void fold_unreadable(HistoryRow& row, StreamId stream, Sequence sequence);

}  // namespace banger
