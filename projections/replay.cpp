#include "projections/replay.h"

#include "engine/evolve.h"

namespace banger {

Status Replay::fold(const EventRecord& record) {
  if (record.envelope.sequence != fleet_.last + 1) {
    return fail("event " + std::to_string(record.envelope.sequence) + " came where " +
                std::to_string(fleet_.last + 1) + " was due");
  }
  evolve(fleet_, record);
  if (changes_history(record)) fold_history(history_[record.envelope.stream], record);
  keep(past_.fold(fleet_, record));
  return {};
}

Status Replay::fold(const StoredRecord& record, const StreamFinder& find_stream) {
  if (const auto* readable = std::get_if<EventRecord>(&record)) return fold(*readable);
  const auto& unreadable = std::get<UnreadableEvent>(record);
  auto stream = unreadable.stream ? Result<StreamId>(*unreadable.stream) : find_stream(unreadable.sequence);
  if (!stream) {
    return with_context("event " + std::to_string(unreadable.sequence) + ": " + unreadable.why, stream.error());
  }
  park(fleet_, *stream, unreadable.sequence, "cannot be read: " + unreadable.why);
  fold_unreadable(history_[*stream], *stream, unreadable.sequence);
  keep(past_.skip(unreadable.sequence));
  return {};
}

Status Replay::fold_stored(std::string_view open, std::string_view personal, const Interned& interned,
                           const StreamFinder& find_stream) {
  const auto record = read_stored(fleet_.last + 1, open, personal, interned);
  if (!record) return std::unexpected(record.error());
  return fold(*record, find_stream);
}

void Replay::keep(std::vector<Row> rows) {
  for (Row& row : rows) past_rows_[row.projection][row.key] = std::move(row.value);
}

std::vector<Row> Replay::take_past_rows() {
  std::vector<Row> rows;
  for (auto& [projection, values] : past_rows_) {
    for (auto& [key, value] : values) rows.push_back({projection, key, std::move(value)});
  }
  past_rows_.clear();
  return rows;
}

std::map<std::string, std::string> Replay::rows(std::string_view projection) const {
  if (auto past = past_rows_.find(projection); past != past_rows_.end()) return past->second;
  std::map<std::string, std::string> rows;
  if (projection == kHistory.name) {
    for (const auto& [stream, row] : history_) rows[row_key(stream)] = row_bytes(row);
    return rows;
  }
  auto take = [&](StreamId stream) {
    for (Row& row : rows_of(fleet_, stream)) {
      if (row.projection == projection && !row.value.empty()) rows[row.key] = std::move(row.value);
    }
  };
  for (const auto& [id, vm] : fleet_.vms) take(stream_of(id));
  for (const auto& [id, image] : fleet_.images) take(stream_of(id));
  for (const auto& [stream, parked] : fleet_.parked) take(stream);
  if (fleet_.host.version > 0) take(kHostStream);
  return rows;
}

}  // namespace banger
