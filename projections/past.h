// What makes the past quick to reach: rows that are written once, as events are folded, and never
// changed. A stream's row at every 256th of its events (`snapshots`), which times each 4,096 events
// carry (`times`) and who was given a name when (`names`). The runtime and every replay write the
// same; the daemon reads them to say what was at some moment without reading the log from its
// beginning.
#pragma once

#include <optional>

#include "projections/rows.h"

namespace banger {

inline constexpr StreamVersion kSnapshotEvery = 256;
inline constexpr Sequence kTimesEvery = 4096;

struct TimesRow {
  Sequence first = 0;
  Sequence last = 0;
  std::int64_t earliest_ns = 0;
  std::int64_t latest_ns = 0;

  friend bool operator==(const TimesRow&, const TimesRow&) = default;
  void take(Sequence sequence, std::int64_t time_ns);  // the next event of the chunk
};

struct NameRow {
  StreamId stream;
  std::string name;
  Sequence sequence = 0;  // of the event that gave it

  friend bool operator==(const NameRow&, const NameRow&) = default;
};

[[nodiscard]] std::string snapshot_key(StreamId stream, StreamVersion version);
[[nodiscard]] std::string times_key(Sequence last);
// All of one name, the newest first; from a sequence on backwards.
[[nodiscard]] std::string name_prefix(StreamKind kind, std::string_view name);
[[nodiscard]] std::string name_key(StreamKind kind, std::string_view name, Sequence sequence);

[[nodiscard]] std::string row_bytes(const TimesRow& row);
[[nodiscard]] std::string row_bytes(const NameRow& row);
[[nodiscard]] Result<TimesRow> parse_times_row(std::string_view bytes);
[[nodiscard]] Result<NameRow> parse_name_row(std::string_view bytes);

// The first event of the chunk that `sequence` is in.
[[nodiscard]] constexpr Sequence chunk_begin(Sequence sequence) {
  return sequence - (sequence - 1) % kTimesEvery;
}

class PastFold {
 public:
  // The rows to write with `record`, which is folded into `fleet` already.
  [[nodiscard]] std::vector<Row> fold(const Fleet& fleet, const EventRecord& record);
  // The same of an event that cannot be read.
  [[nodiscard]] std::vector<Row> skip(Sequence sequence);
  // After a restart: the events since chunk_begin(head + 1), in order.
  void resume(Sequence sequence, std::int64_t time_ns) { open_.take(sequence, time_ns); }

 private:
  void close_chunk(Sequence sequence, std::vector<Row>& rows);
  TimesRow open_;
};

// What a stream came to: nothing where it did not exist (yet, or any more).
struct PastState {
  std::string row;               // as stored; empty: none
  std::optional<Parked> parked;  // it had stopped by then, and `row` is what it was before
};

// One stream folded alone: begun with its snapshot (or nothing), then with the events after that.
class StreamFold {
 public:
  explicit StreamFold(StreamId stream) : stream_(stream) {}
  [[nodiscard]] Status begin(std::string_view snapshot);
  // An Error where the event does not fit: streams that are parked are not folded that far.
  [[nodiscard]] Status take(const EventRecord& record);
  [[nodiscard]] std::string row() const;  // as stored; empty: it is not there

 private:
  StreamId stream_;
  Fleet fleet_;
  bool begun_ = false;
};

// The projection that a stream's own row is in.
[[nodiscard]] const ProjectionInfo& projection_of(StreamKind kind);

}  // namespace banger
