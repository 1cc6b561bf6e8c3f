#include "events/log/block.h"

#include <algorithm>
#include <optional>
#include <utility>

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

std::size_t bytes_of(std::span<const Frame> frames) {
  std::size_t bytes = 0;
  for (const Frame& frame : frames) {
    bytes += kFrameHeaderBytes + frame.public_bytes.size() + frame.part_bytes.size();
  }
  return bytes;
}

std::unexpected<Error> bad(const char* what) {
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

// Visits the chain hash after each commit, with the sequence that it ends; until false.
template <class Visit>
void walk_chain(const Block& block, Hasher& hasher, const Visit& visit) {
  Digest chain = block.previous;
  std::span<const Frame> rest(block.frames);
  for (const std::uint16_t group : block.groups) {
    chain = chain_of(chain, rest.first(group), hasher);
    if (!visit(rest[group - 1].sequence, chain)) return;
    rest = rest.subspan(group);
  }
}

// A merged block's commits, behind a checksum of their own.
std::string group_table(std::span<const std::uint16_t> groups) {
  std::string table;
  for (const std::uint16_t group : groups) put_le(table, group);
  put_le(table, crc32_of(table));
  return table;
}

Status take_groups(Reader& reader, std::size_t count, Block& out) {
  const std::string_view table = reader.bytes(count * sizeof(std::uint16_t));
  const auto checksum = reader.le<std::uint32_t>();
  if (!reader.ok()) return bad("cut inside its table of commits");
  if (crc32_of(table) != checksum) return bad("checksum of its table of commits");
  Reader entries(table);
  std::size_t frames = 0;
  out.groups.resize(count);
  for (std::uint16_t& group : out.groups) {
    group = entries.le<std::uint16_t>();
    if (group == 0) return bad("an empty commit");
    frames += group;
  }
  if (frames != out.frames.size()) return bad("its commits are not its frames");
  return {};
}

std::string encode(const Block& block) {
  BANGER_ASSERT(!block.frames.empty() && block.frames.size() <= kMaxBlockFrames);
  const bool merged = block.groups.size() > 1;
  const std::string table = merged ? group_table(block.groups) : std::string();
  const std::size_t body = table.size() + bytes_of(block.frames);
  BANGER_ASSERT(block.first > 0 && kBlockHeaderBytes + body <= kMaxBlockBytes);

  std::string bytes;
  bytes.reserve(kBlockHeaderBytes + body);
  put_le(bytes, kMagic);
  put_le(bytes, merged ? kMergedBlockFormat : kBlockFormat);
  put_le(bytes, static_cast<std::uint16_t>(merged ? block.groups.size() : 0));
  put_le(bytes, block.first);
  put_le(bytes, static_cast<std::uint32_t>(block.frames.size()));
  put_le(bytes, static_cast<std::uint32_t>(body));
  bytes += as_bytes(block.previous);
  bytes += as_bytes(block.chain);
  put_le(bytes, crc32_of(bytes));
  bytes += table;
  Sequence expected = block.first;
  for (const Frame& frame : block.frames) {
    BANGER_ASSERT(frame.sequence == expected++);
    put_frame(bytes, frame);
  }
  return bytes;
}

}  // namespace

EncodedBlock encode_block(const Digest& previous, std::span<const Frame> frames, Hasher& hasher) {
  BANGER_ASSERT(!frames.empty() && frames.size() <= kMaxBlockFrames);
  const Block block{.first = frames.front().sequence,
                    .previous = previous,
                    .chain = chain_of(previous, frames, hasher),
                    .frames = {frames.begin(), frames.end()},
                    .groups = {static_cast<std::uint16_t>(frames.size())}};
  return {.bytes = encode(block), .chain = block.chain};
}

Status decode_block(std::string_view bytes, Block& out) {
  if (bytes.size() > kMaxBlockBytes) return bad("too long");
  Reader reader(bytes);
  const auto magic = reader.le<std::uint32_t>();
  const auto format = reader.le<std::uint16_t>();
  const auto groups = reader.le<std::uint16_t>();  // 0 in a block of one commit
  out.first = reader.le<Sequence>();
  const auto count = reader.le<std::uint32_t>();
  const auto body = reader.le<std::uint32_t>();
  out.previous = reader.digest();
  out.chain = reader.digest();
  const auto checksum = reader.le<std::uint32_t>();
  if (!reader.ok()) return bad("cut inside its header");
  if (magic != kMagic) return bad("not a block");
  if (crc32_of(bytes.substr(0, kBlockHeaderBytes - 4)) != checksum) return bad("header checksum");
  if (format < kBlockFormat || format > kMergedBlockFormat) {
    return fail("block format " + std::to_string(format) + " is newer than this program knows (" +
                std::to_string(kMergedBlockFormat) + ")");
  }
  const bool merged = format == kMergedBlockFormat;
  if (merged != (groups > 1) || (!merged && groups != 0) || out.first == 0) return bad("header");
  if (count == 0 || count > kMaxBlockFrames) return bad("number of frames");
  if (out.first > UINT64_MAX - count) return bad("sequence");
  if (body != reader.rest().size()) return bad("length");
  out.frames.resize(count);
  out.groups.assign(1, static_cast<std::uint16_t>(count));
  if (merged) BANGER_TRY(take_groups(reader, groups, out));
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
  Digest last = block.previous;
  walk_chain(block, hasher, [&](Sequence, const Digest& chain) {
    last = chain;
    return true;
  });
  if (last == block.chain) return {};
  return bad("its chain hash does not follow from its contents");
}

Result<Digest> chain_after(const Block& block, Sequence sequence, Hasher& hasher) {
  std::optional<Digest> found;
  walk_chain(block, hasher, [&](Sequence end, const Digest& chain) {
    if (end == sequence) found = chain;
    return end < sequence;
  });
  if (found) return *found;
  return fail("event " + std::to_string(sequence) + " does not end what was committed with it");
}

std::vector<Block> commits_of(const Block& block, Hasher& hasher) {
  std::vector<Block> commits;
  std::span<const Frame> rest(block.frames);
  Digest previous = block.previous;
  walk_chain(block, hasher, [&](Sequence end, const Digest& chain) {
    const std::size_t count = end - rest.front().sequence + 1;
    const auto frames = rest.first(count);
    commits.push_back({.first = frames.front().sequence,
                       .previous = std::exchange(previous, chain),
                       .chain = chain,
                       .frames = {frames.begin(), frames.end()},
                       .groups = {static_cast<std::uint16_t>(count)}});
    rest = rest.subspan(count);
    return true;
  });
  return commits;
}

Result<std::string> merge_blocks(std::span<const std::string> blocks, Hasher& hasher) {
  BANGER_ASSERT(!blocks.empty());
  Block merged;
  Block next;
  for (const std::string& bytes : blocks) {
    BANGER_TRY(decode_block(bytes, next));
    BANGER_TRY(check_chain(next, hasher));
    if (merged.frames.empty()) {
      merged = next;
      continue;
    }
    if (next.first != merged.last() + 1 || next.previous != merged.chain) {
      return bad("it does not chain from the block before it");
    }
    merged.chain = next.chain;
    merged.frames.insert(merged.frames.end(), next.frames.begin(), next.frames.end());
    merged.groups.insert(merged.groups.end(), next.groups.begin(), next.groups.end());
  }
  const std::size_t table = (merged.groups.size() + 2) * sizeof(std::uint16_t);
  if (merged.frames.size() > kMaxBlockFrames ||
      kBlockHeaderBytes + table + bytes_of(merged.frames) > kMaxBlockBytes) {
    return fail("the blocks are too large to become one");
  }
  return encode(merged);
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
  if (!check_chain(block, hasher)) return bad("chain hash, found while erasing");
  return encode(block);
}

Digest genesis_of(StoreId store, Hasher& hasher) {
  std::string bytes;
  put_be(bytes, store.hi);
  put_be(bytes, store.lo);
  return hasher.of(bytes);
}

}  // namespace banger::log
