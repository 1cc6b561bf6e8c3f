// What can be told of stored bytes without understanding their payload: whose stream they are in and where, and
// which interned entries they name. For those who sort, index or copy events (imports, bundles) and for parking
// the stream of an event that cannot be decoded. Several times quicker than decode(): a
// scan of the whole log is bounded by reading it. It never says that an event is a good one: that is decode's.
#pragma once

#include <cstdint>
#include <string_view>

#include "events/ids.h"
#include "events/result.h"

namespace banger {

struct Peeked {
  Sequence sequence = 0;
  StreamId stream;
  StreamVersion version = 0;
  CommandId command;
  CommandId correlation;
  Sequence causation = 0;
  std::int64_t time_ns = 0;
  std::uint32_t actor = 0;  // interned
  std::uint32_t boot = 0;   // interned
  std::uint16_t kind = 0;   // kKind of its payload; 0 where that is not known here
  // Written by a newer banger: by the version it carries, or by a kind of payload that is not known here.
  bool newer = false;

  friend bool operator==(const Peeked&, const Peeked&) = default;
};

// An Error where the bytes are no event at all, or are in no known kind of stream.
[[nodiscard]] Result<Peeked> peek(std::string_view open);

}  // namespace banger
