// history: one row a stream, kept for ever, so that what was deleted is still found by its name and its events
// by their place. An index, not a copy: the facts stay in the log.
#pragma once

#include <map>

#include "events/envelope.h"

namespace banger {

struct HistoryRow {
  StreamId stream;
  std::string name;
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
  std::uint64_t events = 0;
  std::int64_t created_at_ns = 0;
  std::int64_t deleted_at_ns = 0;  // 0 while it lives

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

// Folds one event into its stream's row; `row` is empty before the stream's first event.
void fold_history(HistoryRow& row, const EventRecord& record);
// One that cannot be read: it is counted, and tells nothing.
void fold_unreadable(HistoryRow& row, StreamId stream, Sequence sequence);

}  // namespace banger
