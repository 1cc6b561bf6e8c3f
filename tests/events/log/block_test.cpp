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

// A block of the sample's frames whose header or frames say something else, with every checksum as it should be.
std::string forged(const Sample& sample, std::size_t at, std::string_view bytes) {
  std::string block = sample.block.bytes;
  return with_header_checksum(block.replace(at, bytes.size(), bytes));
}

std::string why_not(std::string_view bytes) {
  Block block;
  const Status decoded = decode_block(bytes, block);
  return decoded ? "" : decoded.error().message;
}

TEST_CASE("a block whose header says what no block can is refused, whatever its checksum says") {
  const Sample sample;
  using namespace std::string_view_literals;
  REQUIRE(why_not(forged(sample, 4, "\1\0"sv)).empty());
  CHECK_THAT(why_not(forged(sample, 4, "\0\0"sv)), Catch::Contains("block format 0"));
  CHECK_THAT(why_not(forged(sample, 4, "\3\0"sv)), Catch::Contains("block format 3 is newer"));
  CHECK_THAT(why_not(forged(sample, 4, "\2\0\1\0"sv)), Catch::Contains("header"));  // merged, of one commit
  CHECK_THAT(why_not(forged(sample, 6, "\2\0"sv)), Catch::Contains("header"));        // not merged, of two
  CHECK_THAT(why_not(forged(sample, 6, "\1\0"sv)), Catch::Contains("header"));
  CHECK_THAT(why_not(forged(sample, 8, "\0\0\0\0\0\0\0\0"sv)), Catch::Contains("header"));  // begins at event 0
}

// A frame by itself: its checksum covers all that is behind it.
std::string frame_of(std::uint32_t public_size, std::uint32_t part_size, std::uint32_t part, const std::string& body) {
  std::string covered;
  put_le(covered, public_size);
  put_le(covered, part_size);
  put_le(covered, part);
  covered += body;
  std::string frame;
  put_le(frame, crc32_of(covered));
  return frame + covered;
}

std::string block_of(const std::string& frame, const std::string& table = {}, std::uint16_t groups = 0,
                     std::uint32_t count = 1) {
  std::string bytes = Sample().block.bytes.substr(0, kBlockHeaderBytes);
  std::string fields;
  put_le(fields, groups > 0 ? kMergedBlockFormat : kBlockFormat);
  put_le(fields, groups);
  bytes.replace(4, fields.size(), fields);
  fields.clear();
  put_le(fields, count);
  put_le(fields, static_cast<std::uint32_t>(table.size() + frame.size()));
  bytes.replace(16, fields.size(), fields);
  return with_header_checksum(bytes) + table + frame;
}

TEST_CASE("a frame is of public bytes, and of a personal part as its kind has one") {
  const std::string digest(Digest{}.size(), 'd');
  CHECK(why_not(block_of(frame_of(4, 0, 0, "open"))).empty());
  CHECK(why_not(block_of(frame_of(4, 6, 1, "opensecret"))).empty());
  CHECK(why_not(block_of(frame_of(4, 32, 2, "open" + digest))).empty());
  CHECK_THAT(why_not(block_of(frame_of(0, 6, 1, "secret"))), Catch::Contains("empty frame"));
  CHECK_THAT(why_not(block_of(frame_of(4, 6, 0, "opensecret"))), Catch::Contains("should not be there"));
  CHECK_THAT(why_not(block_of(frame_of(4, 0, 1, "open"))), Catch::Contains("an empty personal part"));
  CHECK_THAT(why_not(block_of(frame_of(4, 6, 2, "opensecret"))), Catch::Contains("without its digest"));
  CHECK_THAT(why_not(block_of(frame_of(4, 0, 3, "open"))), Catch::Contains("unknown kind"));
  CHECK_THAT(why_not(block_of(frame_of(5, 0, 0, "open"))), Catch::Contains("cut inside a frame"));
  CHECK_THAT(why_not(block_of(frame_of(kMaxPartBytes + 1, 0, 0, "open"))), Catch::Contains("frame length"));
}

TEST_CASE("a merged block's commits are its frames, none is empty") {
  const auto table_of = [](std::initializer_list<std::uint16_t> groups) {
    std::string table;
    for (const std::uint16_t group : groups) put_le(table, group);
    put_le(table, crc32_of(table));
    return table;
  };
  const std::string frame = frame_of(4, 0, 0, "open");
  CHECK(why_not(block_of(frame + frame, table_of({1, 1}), 2, 2)).empty());
  CHECK_THAT(why_not(block_of(frame + frame, table_of({2, 0}), 2, 2)), Catch::Contains("an empty commit"));
  CHECK_THAT(why_not(block_of(frame + frame, table_of({1, 2}), 2, 2)), Catch::Contains("its commits are not its frames"));
  CHECK_THAT(why_not(block_of("", "x", 2, 2)), Catch::Contains("cut inside its table of commits"));
}

TEST_CASE("blocks that do not follow on each other, are changed or too many do not become one") {
  Sample sample;
  const Frame next{44, "vm web deleted", PersonalPart::kNone, ""};
  const std::string follows = encode_block(sample.block.chain, std::span(&next, 1), sample.hasher).bytes;
  const auto merge = [&](const std::vector<std::string>& blocks) { return merge_blocks(blocks, sample.hasher); };
  REQUIRE(merge({sample.block.bytes, follows}));
  const std::string strange = encode_block(sample.previous, std::span(&next, 1), sample.hasher).bytes;
  CHECK_THAT(merge({sample.block.bytes, strange}).error().message, Catch::Contains("does not chain"));
  CHECK_THAT(merge({follows, sample.block.bytes}).error().message, Catch::Contains("does not chain"));
  const std::string lies = forged(sample, kBlockHeaderBytes - 36, std::string(32, 'c'));
  CHECK_THAT(merge({lies, follows}).error().message, Catch::Contains("chain hash"));
  const std::vector<Sequence> erased{42};
  CHECK_THAT(erase_personal(lies, erased, sample.hasher).error().message, Catch::Contains("found while erasing"));

  std::vector<std::string> many;
  Digest chain = sample.previous;
  Sequence sequence = 1;
  SECTION("by their frames") {
    for (int i = 0; i < 2; ++i) {
      std::vector<Frame> frames;
      for (std::size_t n = 0; n < kMaxBlockFrames / 2 + 1; ++n) frames.push_back({sequence++, "e", PersonalPart::kNone, ""});
      const EncodedBlock block = encode_block(chain, frames, sample.hasher);
      many.push_back(block.bytes);
      chain = block.chain;
    }
  }
  SECTION("by their bytes") {
    const std::string large(kMaxPartBytes, 'x');
    for (std::size_t bytes = 0; bytes <= kMaxBlockBytes; bytes += large.size()) {
      const Frame frame{sequence++, large, PersonalPart::kNone, ""};
      const EncodedBlock block = encode_block(chain, std::span(&frame, 1), sample.hasher);
      many.push_back(block.bytes);
      chain = block.chain;
    }
  }
  if (!many.empty()) CHECK(merge(many).error().message == "the blocks are too large to become one");
}

TEST_CASE("a slot of the anchor that is another's, of another format or in the wrong place is none") {
  const auto sealed = [](std::string slot, std::size_t at, char byte) {
    constexpr std::size_t kCovered = 80;
    slot[at] = byte;
    std::string checksum;
    put_le(checksum, crc32_of(std::string_view(slot).substr(0, kCovered)));
    return slot.replace(kCovered, checksum.size(), checksum);
  };
  const Anchor anchor{{1, 2}, 3, 43, {}};
  const std::string slot = encode_anchor(anchor, 6);
  const std::string empty(kAnchorSlotBytes, '\0');
  REQUIRE(decode_anchors(sealed(slot, 0, slot[0]) + empty).newest == anchor);
  CHECK_FALSE(decode_anchors(sealed(slot, 0, 'x') + empty).newest);
  CHECK_FALSE(decode_anchors(sealed(slot, 4, 9) + empty).newest);
  CHECK_FALSE(decode_anchors(empty + slot).newest);
}

}  // namespace
}  // namespace banger::log::test
