#include "events/log/anchor.h"

#include "events/log/bytes.h"
#include "events/log/hash.h"

namespace banger::log {
namespace {

constexpr std::uint32_t kMagic = 0x636e4162;  // "bAnc"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kCoveredBytes = 4 + 4 + 8 + 16 + 8 + 8 + 32;

}  // namespace

std::string encode_anchor(const Anchor& anchor, std::uint64_t generation) {
  std::string bytes;
  put_le(bytes, kMagic);
  put_le(bytes, kFormat);
  put_le(bytes, generation);
  put_be(bytes, anchor.store.hi);
  put_be(bytes, anchor.store.lo);
  put_le(bytes, anchor.epoch);
  put_le(bytes, anchor.sequence);
  bytes += as_bytes(anchor.chain);
  put_le(bytes, crc32_of(bytes));
  bytes.resize(kAnchorSlotBytes);
  return bytes;
}

AnchorSlots decode_anchors(std::string_view file) {
  AnchorSlots slots;
  for (std::size_t slot = 0; slot < 2 && (slot + 1) * kAnchorSlotBytes <= file.size(); ++slot) {
    const std::string_view bytes = file.substr(slot * kAnchorSlotBytes, kAnchorSlotBytes);
    Reader reader(bytes);
    const auto magic = reader.le<std::uint32_t>();
    const auto format = reader.le<std::uint32_t>();
    const auto generation = reader.le<std::uint64_t>();
    Anchor anchor;
    anchor.store.hi = reader.be<std::uint64_t>();
    anchor.store.lo = reader.be<std::uint64_t>();
    anchor.epoch = reader.le<std::uint64_t>();
    anchor.sequence = reader.le<Sequence>();
    anchor.chain = reader.digest();
    const auto checksum = reader.le<std::uint32_t>();
    if (checksum != crc32_of(bytes.substr(0, kCoveredBytes))) continue;
    if (magic != kMagic || format != kFormat || generation % 2 != slot) continue;
    if (!slots.newest || generation > slots.generation) slots = {anchor, generation};
  }
  return slots;
}

}  // namespace banger::log
