#include "events/stored_record.h"

#include "events/peek.h"

namespace banger {

Result<StoredRecord> read_stored(Sequence sequence, std::string_view open, std::string_view personal,
                                 const Interned& interned) {
  auto record = decode(open, personal, interned);
  if (record && record->envelope.sequence == sequence) return *std::move(record);
  UnreadableEvent unreadable{.sequence = sequence, .stream = {}, .why = {}};
  unreadable.why = record ? "it says that it is event " + std::to_string(record->envelope.sequence)
                          : record.error().message;
  const auto peeked = peek(open);
  if (!record && peeked && peeked->newer) return fail("event " + std::to_string(sequence) + ": " + unreadable.why);
  if (peeked && peeked->sequence == sequence) unreadable.stream = peeked->stream;
  return unreadable;
}

}  // namespace banger
