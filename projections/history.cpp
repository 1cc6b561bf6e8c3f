#include "projections/history.h"

namespace banger {

void fold_unreadable(HistoryRow& row, StreamId stream, Sequence sequence) {
  if (row.first_sequence != 0) return;
  row.stream = stream;
  row.first_sequence = sequence;
  if (stream == kHostStream) row.name = "host";
}

namespace {

bool ends_stream(const Event& event) {
  return std::holds_alternative<VmDeleted>(event) || std::holds_alternative<ImageDeleted>(event);
}

}  // namespace

bool changes_history(const EventRecord& record) { return record.envelope.version == 1 || ends_stream(record.event); }

void fold_history(HistoryRow& row, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  if (row.first_sequence == 0) row.created_at_ns = envelope.time_ns;
  fold_unreadable(row, envelope.stream, envelope.sequence);
  if (const auto* vm = std::get_if<VmCreated>(&record.event)) row.name = vm->name;
  if (const auto* image = std::get_if<ImageRequested>(&record.event)) row.name = image->name;
  if (!ends_stream(record.event)) return;
  row.last_sequence = envelope.sequence;
  row.deleted_at_ns = envelope.time_ns;
}

}  // namespace banger
