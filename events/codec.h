// Between event structs and their stored bytes (schemas/event.capnp). The runtime encodes, everything that
// reads a log decodes; the frame around the bytes, its checksum and the chain are events/log's.
// Bytes are canonical: the same event always gives the same bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "events/envelope.h"
#include "events/interned.h"
#include "events/result.h"

namespace banger {

using Salt = std::array<std::uint8_t, 16>;

struct EventBytes {
  std::string open;      // everything that stays for ever
  std::string personal;  // what can be cut out later; empty where the kind has nothing personal
};

// `salt` must be fresh random bytes: it keeps the digest of a cut-out part from confirming a guess.
[[nodiscard]] EventBytes encode(const EventRecord& record, Interned& interned, const Salt& salt);

// Takes any bytes: broken, hostile or newer ones give an Error that says which. An empty `personal` of a
// kind that had one is an erased part, and gives the event without it.
[[nodiscard]] Result<EventRecord> decode(std::string_view open, std::string_view personal,
                                         const Interned& interned);

}  // namespace banger
