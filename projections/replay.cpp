#include "projections/replay.h"

#include "engine/evolve.h"

namespace banger {

Status Replay::fold(const EventRecord& record) {
  if (record.envelope.sequence != fleet_.last + 1) {
    return fail("event " + std::to_string(record.envelope.sequence) + " came where " +
                std::to_string(fleet_.last + 1) + " was due");
  }
  evolve(fleet_, record);
  fold_history(history_[record.envelope.stream], record);
  return {};
}

std::map<std::string, std::string> Replay::rows(std::string_view projection) const {
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
