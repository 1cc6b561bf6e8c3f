#include "projections/history.h"

namespace banger {

void fold_history(HistoryRow& row, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  if (row.events == 0) {
    row.stream = envelope.stream;
    row.first_sequence = envelope.sequence;
    row.created_at_ns = envelope.time_ns;
    if (envelope.stream == kHostStream) row.name = "host";
  }
  if (const auto* vm = std::get_if<VmCreated>(&record.event)) row.name = vm->name;
  if (const auto* image = std::get_if<ImageRequested>(&record.event)) row.name = image->name;
  bool deleted = std::holds_alternative<VmDeleted>(record.event) ||
                 std::holds_alternative<ImageDeleted>(record.event);
  if (deleted) row.deleted_at_ns = envelope.time_ns;
  row.last_sequence = envelope.sequence;
  ++row.events;
}

}  // namespace banger
