// The bytes: golden, and as an enemy or a failing disk would change them.
#include "events/log/block.h"

#include <filesystem>
#include <set>

#include "events/log/anchor.h"
#include "events/log/bytes.h"
#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {
namespace {

struct Sample {
  std::vector<Frame> frames{
      {41, "vm web created", PersonalPart::kNone, ""},
      {42, "exec asked for", PersonalPart::kPresent, "0123456789abcdef sh -c id"},
      {43, "vm web stopped", PersonalPart::kNone, ""}};
  Hasher hasher;
  Digest previous = genesis_of({0x0123456789abcdef, 0xfedcba9876543210}, hasher);
  EncodedBlock block = encode_block(previous, frames, hasher);
};

std::string golden(const char* name) {
  return read_file(std::filesystem::path(BANGER_GOLDEN_DIR) / name);
}

// Recomputes every checksum, as somebody would who knows the format.
std::string with_header_checksum(std::string bytes) {
  std::string checksum;
  put_le(checksum, crc32_of(std::string_view(bytes).substr(0, kBlockHeaderBytes - 4)));
  return bytes.replace(kBlockHeaderBytes - 4, 4, checksum);
}

TEST_CASE("blocks and anchors of format 1 keep their bytes for ever") {
  Sample sample;
  REQUIRE(sample.block.bytes == golden("block-1.bin"));
  const std::vector<Sequence> erased{42};
  REQUIRE(*erase_personal(sample.block.bytes, erased, sample.hasher) ==
          golden("block-1-erased.bin"));
  const Anchor anchor{{0x0123456789abcdef, 0xfedcba9876543210}, 3, 43, sample.block.chain};
  REQUIRE(encode_anchor(anchor, 7) == golden("anchor-1.bin"));
  for (const char* name : {"block-1.bin", "block-1-erased.bin"}) {
    const std::string bytes = golden(name);
    Block block;
    REQUIRE(decode_block(bytes, block));
    REQUIRE(check_chain(block, sample.hasher));
  }
}

TEST_CASE("a block comes back as it was put in") {
  Sample sample;
  Block block;
  REQUIRE(decode_block(sample.block.bytes, block));
  REQUIRE(block.first == 41);
  REQUIRE(block.last() == 43);
  REQUIRE(block.previous == sample.previous);
  REQUIRE(block.chain == sample.block.chain);
  REQUIRE(block.frames.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(block.frames[i].sequence == sample.frames[i].sequence);
    REQUIRE(block.frames[i].public_bytes == sample.frames[i].public_bytes);
    REQUIRE(block.frames[i].personal_bytes() == sample.frames[i].personal_bytes());
  }
  REQUIRE(check_chain(block, sample.hasher));
}

TEST_CASE("every flipped bit of a block is noticed, erased or not") {
  Sample sample;
  std::string bytes = sample.block.bytes;
  if (GENERATE(false, true)) {
    bytes = *erase_personal(bytes, std::vector<Sequence>{42}, sample.hasher);
  }
  Block block;
  REQUIRE(decode_block(bytes, block));
  std::size_t unnoticed = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    unnoticed += decode_block(flipped, block) ? 1 : 0;
  }
  REQUIRE(unnoticed == 0);
}

TEST_CASE("a block cut or lengthened anywhere is an error") {
  const Sample sample;
  Block block;
  std::size_t taken = 0;
  for (std::size_t size = 0; size < sample.block.bytes.size(); ++size) {
    taken += decode_block(sample.block.bytes.substr(0, size), block) ? 1 : 0;
  }
  REQUIRE(taken == 0);
  REQUIRE_FALSE(decode_block(sample.block.bytes + '\0', block));
  REQUIRE_FALSE(decode_block(std::string(kMaxBlockBytes + 1, 'b'), block));
}

TEST_CASE("lengths and counts that lie behind good checksums are errors, not allocations") {
  const Sample sample;
  constexpr std::size_t kFirst = 8;
  constexpr std::size_t kCount = 16;
  constexpr std::size_t kBody = 20;
  Block block;
  const auto refused = [&](std::size_t at, std::uint32_t value) {
    std::string bytes = sample.block.bytes;
    std::string field;
    put_le(field, value);
    return !decode_block(with_header_checksum(bytes.replace(at, 4, field)), block);
  };
  REQUIRE(decode_block(with_header_checksum(sample.block.bytes), block));
  for (const std::uint32_t lie : {0u, 2u, 4u, 4097u, 0x7fffffffu, 0xffffffffu}) {
    REQUIRE(refused(kCount, lie));
    REQUIRE(refused(kBody, lie));
  }
  std::string last(8, '\xff');
  std::string bytes = sample.block.bytes;
  REQUIRE_FALSE(decode_block(with_header_checksum(bytes.replace(kFirst, 8, last)), block));
  bytes = sample.block.bytes;
  REQUIRE_FALSE(decode_block(with_header_checksum(bytes.replace(kFirst, 8, 8, '\0')), block));
}

TEST_CASE("frame lengths that lie, and parts that contradict themselves, are errors") {
  const Sample sample;
  constexpr std::size_t kFrame = kBlockHeaderBytes;
  Block block;
  const auto refused = [&](std::size_t field, std::uint32_t value) {
    std::string bytes = sample.block.bytes;
    std::string lie;
    put_le(lie, value);
    bytes.replace(kFrame + field, 4, lie);
    const std::size_t covered = kFrameHeaderBytes - 4 + sample.frames[0].public_bytes.size();
    std::string checksum;
    put_le(checksum, crc32_of(std::string_view(bytes).substr(kFrame + 4, covered)));
    return !decode_block(bytes.replace(kFrame, 4, checksum), block);
  };
  for (const std::uint32_t lie : {0u, 13u, 15u, 1u << 20, 0xffffffffu}) REQUIRE(refused(4, lie));
  for (const std::uint32_t lie : {1u, 32u, 0xffffffffu}) REQUIRE(refused(8, lie));
  for (const std::uint32_t lie : {1u, 2u, 3u, 0xffffffffu}) REQUIRE(refused(12, lie));
}

TEST_CASE("a newer block format is told apart from damage") {
  const Sample sample;
  std::string bytes = sample.block.bytes;
  bytes[4] = kMergedBlockFormat + 1;
  Block block;
  const auto status = decode_block(with_header_checksum(bytes), block);
  REQUIRE_FALSE(status);
  REQUIRE_THAT(status.error().message, Catch::Contains("newer"));
}

TEST_CASE("an erasure keeps digests and chain, removes the bytes, and is done once") {
  Sample sample;
  const std::string erased =
      *erase_personal(sample.block.bytes, std::vector<Sequence>{41, 42}, sample.hasher);
  REQUIRE(erased.find("sh -c id") == std::string::npos);
  Block before;
  Block after;
  REQUIRE(decode_block(sample.block.bytes, before));
  REQUIRE(decode_block(erased, after));
  REQUIRE(after.chain == before.chain);
  REQUIRE(check_chain(after, sample.hasher));
  REQUIRE(after.frames[1].erased());
  REQUIRE(after.frames[1].personal_bytes().empty());
  REQUIRE_FALSE(after.frames[0].erased());
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(frame_digest(after.frames[i], sample.hasher) ==
            frame_digest(before.frames[i], sample.hasher));
  }
  REQUIRE(*erase_personal(erased, std::vector<Sequence>{42}, sample.hasher) == erased);
}

TEST_CASE("the chain depends on the store, the order and every part of every event") {
  Sample sample;
  std::set<Digest> chains{sample.block.chain};
  const auto differs = [&](const Digest& previous, const std::vector<Frame>& frames) {
    return chains.insert(encode_block(previous, frames, sample.hasher).chain).second;
  };
  REQUIRE(differs(genesis_of({1, 1}, sample.hasher), sample.frames));
  auto changed = sample.frames;
  changed[0].public_bytes = "vm web createD";
  REQUIRE(differs(sample.previous, changed));
  changed = sample.frames;
  changed[1].part_bytes = "0123456789abcdeg sh -c id";
  REQUIRE(differs(sample.previous, changed));
  changed = sample.frames;
  std::swap(changed[0].public_bytes, changed[2].public_bytes);
  REQUIRE(differs(sample.previous, changed));
  changed = sample.frames;
  changed.pop_back();
  REQUIRE(differs(sample.previous, changed));
  // Moving the border between the two parts is a change too.
  changed = sample.frames;
  changed[1].public_bytes = "exec asked for0";
  changed[1].part_bytes = "123456789abcdef sh -c id";
  REQUIRE(differs(sample.previous, changed));
}

TEST_CASE("of two anchors the later counts, and a damaged one never does") {
  const Anchor older{{1, 2}, 1, 10, {1}};
  const Anchor newer{{1, 2}, 1, 11, {2}};
  const std::string in_order = encode_anchor(older, 4) + encode_anchor(newer, 5);
  const std::string wrapped = encode_anchor(newer, 6) + encode_anchor(older, 5);
  REQUIRE(decode_anchors(in_order).newest == newer);
  REQUIRE(decode_anchors(in_order).generation == 5);
  REQUIRE(decode_anchors(wrapped).newest == newer);
  REQUIRE(decode_anchors(in_order.substr(0, kAnchorSlotBytes)).newest == older);
  REQUIRE_FALSE(decode_anchors(in_order.substr(0, kAnchorSlotBytes - 1)).newest);
  REQUIRE_FALSE(decode_anchors("").newest);
  REQUIRE_FALSE(decode_anchors(std::string(kAnchorFileBytes, '\0')).newest);
  // A slot in the other's place is left over from something else.
  REQUIRE_FALSE(decode_anchors(encode_anchor(newer, 5)).newest);
  for (std::size_t bit = 0; bit < 84 * 8; ++bit) {
    std::string flipped = in_order;
    flipped[kAnchorSlotBytes + bit / 8] =
        static_cast<char>(flipped[kAnchorSlotBytes + bit / 8] ^ (1 << bit % 8));
    const bool fell_back = decode_anchors(flipped).newest == older;
    if (!fell_back) FAIL("bit " << bit);
  }
}

}  // namespace
}  // namespace banger::log::test
