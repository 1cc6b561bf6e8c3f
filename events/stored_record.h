// A stored event, read as far as it can be: what a replay folds. Made on any thread, since it depends on nothing
// but the bytes and the interned entries. A newer banger's event is an Error, because that one can be read: by a
// newer banger. Any other that does not decode is told apart, so that it parks its stream and no other.
#pragma once

#include <optional>
#include <variant>

#include "events/codec.h"

namespace banger {

struct UnreadableEvent {
  Sequence sequence = 0;
  std::optional<StreamId> stream;  // where its bytes still tell
  std::string why;
};

using StoredRecord = std::variant<EventRecord, UnreadableEvent>;

// The bytes of event `sequence`, both parts.
[[nodiscard]] Result<StoredRecord> read_stored(Sequence sequence, std::string_view open, std::string_view personal,
                                               const Interned& interned);

}  // namespace banger
