#include "events/log/block.h"

#include <algorithm>

#include "events/assert.h"
#include "events/log/bytes.h"

namespace banger::log {
namespace {

constexpr std::uint32_t kMagic = 0x6b6c4262;  // "bBlk"

void put_frame(std::string& out, const Frame& frame) {
  BANGER_ASSERT(!frame.public_bytes.empty() && frame.public_bytes.size() <= kMaxPartBytes);
  BANGER_ASSERT(frame.part_bytes.size() <= kMaxPartBytes);
  BANGER_ASSERT((frame.part == PersonalPart::kNone) == frame.part_bytes.empty());
  const std::size_t start = out.size();
  put_le(out, std::uint32_t{0});  // the checksum, below
  put_le(out, static_cast<std::uint32_t>(frame.public_bytes.size()));
  put_le(out, static_cast<std::uint32_t>(frame.part_bytes.size()));
  put_le(out, static_cast<std::uint32_t>(frame.part));
  out += frame.public_bytes;
  out += frame.part_bytes;
  std::string checksum;
  put_le(checksum, crc32_of(std::string_view(out).substr(start + 4)));
  out.replace(start, checksum.size(), checksum);
}

Status bad(const char* what) {
  return fail(std::string("damaged block: ") + what);
}

Status take_frame(Reader& reader, Sequence sequence, Frame& frame) {
  const std::string_view whole = reader.rest();
  const auto checksum = reader.le<std::uint32_t>();
  const auto public_size = reader.le<std::uint32_t>();
  const auto part_size = reader.le<std::uint32_t>();
  const auto part = reader.le<std::uint32_t>();
  if (!reader.ok()) return bad("cut inside a frame's header");
  if (public_size > kMaxPartBytes || part_size > kMaxPartBytes) return bad("frame length");
  frame.sequence = sequence;
  frame.public_bytes = reader.bytes(public_size);
  frame.part_bytes = reader.bytes(part_size);
  if (!reader.ok()) return bad("cut inside a frame");
  const std::size_t covered = kFrameHeaderBytes + public_size + part_size - 4;
  if (crc32_of(whole.substr(4, covered)) != checksum) return bad("frame checksum");
  if (public_size == 0) return bad("empty frame");
  switch (part) {
    case static_cast<std::uint32_t>(PersonalPart::kNone):
      if (part_size != 0) return bad("a part that should not be there");
      break;
    case static_cast<std::uint32_t>(PersonalPart::kPresent):
      if (part_size == 0) return bad("an empty personal part");
      break;
    case static_cast<std::uint32_t>(PersonalPart::kErased):
      if (part_size != Digest{}.size()) return bad("an erased part without its digest");
      break;
    default:
      return bad("unknown kind of personal part");
  }
  frame.part = static_cast<PersonalPart>(part);
  return {};
}

Digest chain_of(const Digest& previous, std::span<const Frame> frames, Hasher& hasher) {
  std::string digests(as_bytes(previous));
  digests.reserve((frames.size() + 1) * previous.size());
  for (const Frame& frame : frames) digests += as_bytes(frame_digest(frame, hasher));
  return hasher.of(digests);
}

}  // namespace

EncodedBlock encode_block(const Digest& previous, std::span<const Frame> frames, Hasher& hasher) {
  BANGER_ASSERT(!frames.empty() && frames.size() <= kMaxBlockFrames);
  std::size_t body = 0;
  for (const Frame& frame : frames) {
    body += kFrameHeaderBytes + frame.public_bytes.size() + frame.part_bytes.size();
  }
  BANGER_ASSERT(frames.front().sequence > 0 && kBlockHeaderBytes + body <= kMaxBlockBytes);

  EncodedBlock block{.bytes = {}, .chain = chain_of(previous, frames, hasher)};
  block.bytes.reserve(kBlockHeaderBytes + body);
  put_le(block.bytes, kMagic);
  put_le(block.bytes, kBlockFormat);
  put_le(block.bytes, std::uint16_t{0});  // reserved
  put_le(block.bytes, frames.front().sequence);
  put_le(block.bytes, static_cast<std::uint32_t>(frames.size()));
  put_le(block.bytes, static_cast<std::uint32_t>(body));
  block.bytes += as_bytes(previous);
  block.bytes += as_bytes(block.chain);
  put_le(block.bytes, crc32_of(block.bytes));
  Sequence expected = frames.front().sequence;
  for (const Frame& frame : frames) {
    BANGER_ASSERT(frame.sequence == expected++);
    put_frame(block.bytes, frame);
  }
  return block;
}

Status decode_block(std::string_view bytes, Block& out) {
  if (bytes.size() > kMaxBlockBytes) return bad("too long");
  Reader reader(bytes);
  const auto magic = reader.le<std::uint32_t>();
  const auto format = reader.le<std::uint16_t>();
  const auto reserved = reader.le<std::uint16_t>();
  out.first = reader.le<Sequence>();
  const auto count = reader.le<std::uint32_t>();
  const auto body = reader.le<std::uint32_t>();
  out.previous = reader.digest();
  out.chain = reader.digest();
  const auto checksum = reader.le<std::uint32_t>();
  if (!reader.ok()) return bad("cut inside its header");
  if (magic != kMagic) return bad("not a block");
  if (crc32_of(bytes.substr(0, kBlockHeaderBytes - 4)) != checksum) return bad("header checksum");
  if (format != kBlockFormat) {
    return fail("block format " + std::to_string(format) + " is newer than this program knows (" +
                std::to_string(kBlockFormat) + ")");
  }
  if (reserved != 0 || out.first == 0) return bad("header");
  if (count == 0 || count > kMaxBlockFrames) return bad("number of frames");
  if (out.first > UINT64_MAX - count) return bad("sequence");
  if (body != reader.rest().size()) return bad("length");
  out.frames.resize(count);
  Sequence sequence = out.first;
  for (Frame& frame : out.frames) BANGER_TRY(take_frame(reader, sequence++, frame));
  if (!reader.rest().empty()) return bad("bytes after its last frame");
  return {};
}

Digest frame_digest(const Frame& frame, Hasher& hasher) {
  std::string both(as_bytes(hasher.of(frame.public_bytes)));
  switch (frame.part) {
    case PersonalPart::kNone:
      both += as_bytes(Digest{});
      break;
    case PersonalPart::kPresent:
      both += as_bytes(hasher.of(frame.part_bytes));
      break;
    case PersonalPart::kErased:
      both += frame.part_bytes;
      break;
  }
  return hasher.of(both);
}

Status check_chain(const Block& block, Hasher& hasher) {
  if (chain_of(block.previous, block.frames, hasher) == block.chain) return {};
  return bad("its chain hash does not follow from its contents");
}

Result<std::string> erase_personal(std::string_view bytes, std::span<const Sequence> sequences,
                                   Hasher& hasher) {
  Block block;
  BANGER_TRY(decode_block(bytes, block));
  std::vector<Digest> digests(block.frames.size());  // what the erased frames point into
  for (Sequence sequence : sequences) {
    BANGER_ASSERT(sequence >= block.first && sequence <= block.last());
    Frame& frame = block.frames[sequence - block.first];
    if (frame.part != PersonalPart::kPresent) continue;
    Digest& digest = digests[sequence - block.first];
    digest = hasher.of(frame.part_bytes);
    frame.part = PersonalPart::kErased;
    frame.part_bytes = as_bytes(digest);
  }
  EncodedBlock erased = encode_block(block.previous, block.frames, hasher);
  if (erased.chain != block.chain) return fail("damaged block: chain hash, found while erasing");
  return std::move(erased.bytes);
}

Digest genesis_of(StoreId store, Hasher& hasher) {
  std::string bytes;
  put_be(bytes, store.hi);
  put_be(bytes, store.lo);
  return hasher.of(bytes);
}

}  // namespace banger::log
