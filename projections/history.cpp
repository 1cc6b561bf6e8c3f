#include "projections/history.h"

namespace banger {

void fold_unreadable(HistoryRow& row, StreamId stream, Sequence sequence) {
  if (row.events == 0) {
    row.stream = stream;
    row.first_sequence = sequence;
    if (stream == kHostStream) row.name = "host";
  }
  row.last_sequence = sequence;
  ++row.events;
}

void fold_history(HistoryRow& row, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  if (row.events == 0) row.created_at_ns = envelope.time_ns;
  fold_unreadable(row, envelope.stream, envelope.sequence);
  if (const auto* vm = std::get_if<VmCreated>(&record.event)) row.name = vm->name;
  if (const auto* image = std::get_if<ImageRequested>(&record.event)) row.name = image->name;
  bool deleted = std::holds_alternative<VmDeleted>(record.event) ||
                 std::holds_alternative<ImageDeleted>(record.event);
  if (deleted) row.deleted_at_ns = envelope.time_ns;
}

}  // namespace banger
