// What was at some moment, read from the log by its snapshots and indexes: at most 256 events for
// one stream, however long the log is. For worker threads: blocking reads of a log that others
// append to. Decides nothing and writes nothing; whoever asks makes sure first that `at` is
// durable.
#pragma once

#include "engine/command.h"
#include "events/interned.h"
#include "events/log/event_log.h"
#include "projections/moment.h"

namespace banger::bangerd {

// What one stream was after event `at`.
[[nodiscard]] Result<PastState> state_at(const log::EventLog& log, const Interned& interned,
                                         StreamId stream, Sequence at);

// The stream that a name, an id or a unique prefix of an id meant after event `at`, as decide would
// have taken it.
struct Named {
  StreamId stream;
  PastState state;  // with a row
};
[[nodiscard]] std::expected<Named, Rejection> named_at(const log::EventLog& log,
                                                       const Interned& interned, StreamKind kind,
                                                       std::string_view reference, Sequence at);

// A log that cannot be read, in a refusal's words.
[[nodiscard]] Rejection as_refusal(const Error& error);

// Every stream that ever had this name, newest first, or whose id begins so; at most kMaxFound.
inline constexpr std::size_t kMaxFound = 256;
struct Found {
  std::vector<HistoryRow> streams;
  bool more = false;
};
[[nodiscard]] Result<Found> find_streams(const log::EventLog& log, StreamKind kind,
                                         std::string_view reference);

// The event that a moment means, within the events up to `head`.
[[nodiscard]] Result<Moment> moment_of(const log::EventLog& log, std::int64_t time_ns,
                                       Sequence head);
// All chunks of times up to `head`, the open one included.
[[nodiscard]] Result<std::vector<TimesRow>> read_times(const log::EventLog& log, Sequence head);
// When an event happened; 0 for event 0 and for one that is not kept.
[[nodiscard]] Result<std::int64_t> time_of(const log::EventLog& log, Sequence sequence);

}  // namespace banger::bangerd
