#include "cli/bangerd/audit/stream_past.h"

#include <algorithm>

#include "events/codec.h"

namespace banger::bangerd {
namespace {

struct Snapshot {
  StreamVersion version = 0;  // 0: none, from the stream's beginning
  std::string row;
};

// The last one that is not after `version`.
Result<Snapshot> snapshot_before(const log::EventLog& log, StreamId stream, StreamVersion version) {
  const StreamVersion at = version - version % kSnapshotEvery;
  if (at == 0) return Snapshot{};
  auto row = log.row(kSnapshots.name, kSnapshots.version, snapshot_key(stream, at));
  if (!row) return std::unexpected(row.error());
  if (*row) return Snapshot{at, **std::move(row)};
  return snapshot_before(log, stream, at - 1);  // a stream that ended just there has none
}

}  // namespace

Result<Folding> folding_of(const log::EventLog& log, StreamId stream, Sequence last,
                           StreamVersion now) {
  Folding folding;
  StreamVersion from = 1;
  StreamVersion most = kSnapshotEvery;
  // A short stream has no snapshot, and listing it whole is no more than looking for the version.
  const bool is_short = now != 0 && now <= kSnapshotEvery;
  if (!is_short) {
    const auto version = log.stream_version_at(stream, last);
    if (!version) return std::unexpected(version.error());
    auto snapshot = snapshot_before(log, stream, *version);
    if (!snapshot) return std::unexpected(snapshot.error());
    folding.snapshot = std::move(snapshot->row);
    from = snapshot->version + 1;
    most = *version - snapshot->version;
  }
  if (most == 0) return folding;
  auto events = log.stream_events(stream, from, most);
  if (!events) return std::unexpected(events.error());
  folding.events = *std::move(events);
  const auto behind = std::ranges::upper_bound(folding.events, last);
  folding.events.erase(behind, folding.events.end());
  return folding;
}

Status visit_records(const log::EventLog& log, const Interned& interned,
                     std::span<const Sequence> sequences, const VisitRecord& visit) {
  Status visited;
  std::size_t index = 0;
  BANGER_TRY(log.visit_events(sequences, [&](const log::Frame& frame) {
    const auto record = decode(frame.public_bytes, frame.personal_bytes(), interned);
    visited = record ? visit(index++, *record)
                     : with_context("event " + std::to_string(frame.sequence), record.error());
    return visited.has_value();
  }));
  return visited;
}

Status visit_history(const log::EventLog& log, StreamId from, const VisitHistory& visit) {
  Status visited;
  BANGER_TRY(log.rows_from(kHistory.name, kHistory.version, row_key(from),
                           [&](std::string_view, std::string_view value) {
                             const auto row = parse_history_row(value);
                             if (!row) visited = std::unexpected(row.error());
                             if (!row || row->stream.kind != from.kind) return false;
                             const auto more = visit(*row);
                             if (!more) visited = std::unexpected(more.error());
                             return more && *more;
                           }));
  return visited;
}

Result<std::optional<HistoryRow>> history_of(const log::EventLog& log, StreamId stream) {
  auto bytes = log.row(kHistory.name, kHistory.version, row_key(stream));
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  auto row = parse_history_row(**bytes);
  if (!row) return std::unexpected(row.error());
  return *std::move(row);
}

Result<std::optional<Parked>> parked_of(const log::EventLog& log, StreamId stream) {
  auto bytes = log.row(kParkedStreams.name, kParkedStreams.version, row_key(stream));
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return std::nullopt;
  auto row = parse_parked_row(**bytes);
  if (!row) return std::unexpected(row.error());
  return row->second;
}

Result<std::map<StreamId, Parked>> parked_streams(const log::EventLog& log) {
  std::map<StreamId, Parked> streams;
  Status parsed;
  BANGER_TRY(log.rows(kParkedStreams.name, kParkedStreams.version,
                      [&](std::string_view, std::string_view value) {
                        auto row = parse_parked_row(value);
                        if (row)
                          streams.insert(*std::move(row));
                        else
                          parsed = std::unexpected(row.error());
                        return parsed.has_value();
                      }));
  if (!parsed) return std::unexpected(parsed.error());
  return streams;
}

}  // namespace banger::bangerd
