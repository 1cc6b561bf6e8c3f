// What one stream is folded from to be as it was after some event: its snapshot and the events since;
// and the rows that say which streams there ever were. Used by past.h and living.h, on the workers'
// threads; reads only.
#pragma once

#include <functional>
#include <map>

#include "events/interned.h"
#include "events/log/event_log.h"
#include "projections/past.h"

namespace banger::bangerd {

struct Folding {
  std::string snapshot;          // empty: from the stream's beginning
  std::vector<Sequence> events;  // after that; at most kSnapshotEvery where all snapshots are there
};
// Of the stream's events up to `last`. The version that it has now, where the caller knows it, saves
// looking for the one that it had; 0: not known.
[[nodiscard]] Result<Folding> folding_of(const log::EventLog& log, StreamId stream, Sequence last,
                                         StreamVersion now = 0);

// These events in the order given, which is cheap where neighbours in the log are neighbours here.
using VisitRecord = std::function<Status(std::size_t index, const EventRecord&)>;
[[nodiscard]] Status visit_records(const log::EventLog& log, const Interned& interned,
                                   std::span<const Sequence> sequences, const VisitRecord& visit);

// History rows of one kind from an id on, in the order of ids, until the visitor says false.
using VisitHistory = std::function<Result<bool>(const HistoryRow&)>;
[[nodiscard]] Status visit_history(const log::EventLog& log, StreamId from,
                                   const VisitHistory& visit);
// Nothing for a stream that there never was.
[[nodiscard]] Result<std::optional<HistoryRow>> history_of(const log::EventLog& log, StreamId stream);

[[nodiscard]] Result<std::optional<Parked>> parked_of(const log::EventLog& log, StreamId stream);
[[nodiscard]] Result<std::map<StreamId, Parked>> parked_streams(const log::EventLog& log);

}  // namespace banger::bangerd
