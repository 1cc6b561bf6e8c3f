#include "projections/history.h"

namespace banger {

void fold_unreadable(HistoryRow& row, StreamId stream, Sequence sequence) {
  if (row.first_sequence != 0) return;
  row.stream = stream;
  row.first_sequence = sequence;
  if (stream == kHostStream) row.name = "host";
}

bool fold_history(HistoryRow& row, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  const bool begins = row.first_sequence == 0;
  if (begins) row.created_at_ns = envelope.time_ns;
  fold_unreadable(row, envelope.stream, envelope.sequence);
  if (const auto* vm = std::get_if<VmCreated>(&record.event)) row.name = vm->name;
  if (const auto* image = std::get_if<ImageRequested>(&record.event)) row.name = image->name;
  const bool ends = std::holds_alternative<VmDeleted>(record.event) ||
                    std::holds_alternative<ImageDeleted>(record.event);
  if (ends) {
    row.last_sequence = envelope.sequence;
    row.deleted_at_ns = envelope.time_ns;
  }
  return begins || ends;
}

}  // namespace banger
