// The head anchor: what the log says, outside of its database, that it had synced. No recovery mode
// of RocksDB notices a WAL that is gone or was cut at a record boundary; comparing the head with
// the anchor does. Two slots are written in turn, so a torn write costs one of them. This half is
// pure bytes; the file itself is AnchorFile's, and AnchorKeeper follows the head with it. An anchor
// must never name what isn't synced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace banger::log {

struct Anchor {
  StoreId store;
  std::uint64_t epoch = 0;  // rises by a restore or an accepted loss
  Sequence sequence = 0;    // last event of a synced block
  Digest chain{};           // that block's chain hash

  friend bool operator==(const Anchor&, const Anchor&) = default;
};

inline constexpr std::size_t kAnchorSlotBytes = 4096;  // a page each: no write touches both
inline constexpr std::size_t kAnchorFileBytes = 2 * kAnchorSlotBytes;

struct AnchorSlots {
  std::optional<Anchor> newest;  // nothing: both slots are damaged or empty
  std::uint64_t generation = 0;  // of the newest; the next one written is generation + 1
};

// The bytes of one slot; it belongs at (generation % 2) * kAnchorSlotBytes.
[[nodiscard]] std::string encode_anchor(const Anchor& anchor, std::uint64_t generation);
[[nodiscard]] AnchorSlots decode_anchors(std::string_view file);

}  // namespace banger::log
