// The stored unit of the log: what one sync committed, or later several of those merged, as bytes
// (docs/EVENT_LOG.md has the layout).
// The log's writer encodes blocks; readers, verify, bundles, fuzzers and the simulator decode them.
// Pure: no file, no RocksDB, no clock. Bytes may be hostile: decode answers with an Error, checks
// every checksum before it believes what that covers, and never reads or allocates beyond the
// written limits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/ids.h"
#include "events/log/hash.h"
#include "events/result.h"

namespace banger::log {

inline constexpr std::uint16_t kBlockFormat = 1;
inline constexpr std::uint16_t kMergedBlockFormat = 2;
inline constexpr std::size_t kMaxBlockFrames = 4096;
inline constexpr std::size_t kMaxBlockBytes = 16u << 20;
inline constexpr std::size_t kMaxPartBytes = 1u << 20;  // public or personal part of one event
inline constexpr std::size_t kBlockHeaderBytes = 92;
inline constexpr std::size_t kFrameHeaderBytes = 16;

// What became of the part of an event that may be cut out. Stored: never renumber.
enum class PersonalPart : std::uint8_t { kNone = 0, kPresent = 1, kErased = 2 };

// One event in a block; views into the block's bytes (or, when encoding, into the caller's).
struct Frame {
  Sequence sequence = 0;
  std::string_view public_bytes;
  PersonalPart part = PersonalPart::kNone;
  std::string_view part_bytes;  // the personal bytes, or what an erasure left of them: their digest

  [[nodiscard]] bool erased() const { return part == PersonalPart::kErased; }
  [[nodiscard]] std::string_view personal_bytes() const {
    return erased() ? std::string_view{} : part_bytes;
  }
};

struct Block {
  Sequence first = 0;
  Digest previous{};  // chain hash of the block before; of the first block: genesis_of(store)
  Digest chain{};     // SHA-256(previous || digests of the frames), for each group in turn
  std::vector<Frame> frames;
  std::vector<std::uint16_t> groups;  // frames of each commit; one entry where nothing was merged

  [[nodiscard]] Sequence last() const { return first + frames.size() - 1; }
};

struct EncodedBlock {
  std::string bytes;
  Digest chain{};
};

// Frames need gapless sequences and must keep to the limits above: anything else is a bug of the
// caller.
[[nodiscard]] EncodedBlock encode_block(const Digest& previous, std::span<const Frame> frames,
                                        Hasher& hasher);

// Views into `bytes`, which must outlive `out`. Every byte is covered by a checksum that is
// verified here; the chain hash is not computed (see check_chain). `out` is reused, so a scan does
// not allocate per block.
[[nodiscard]] Status decode_block(std::string_view bytes, Block& out);

// SHA-256(SHA-256(public) || digest of the personal part; 32 zero bytes where there is none).
[[nodiscard]] Digest frame_digest(const Frame& frame, Hasher& hasher);

// Does the block's own chain hash follow from its `previous` and its frames?
[[nodiscard]] Status check_chain(const Block& block, Hasher& hasher);

// The chain hash after event `sequence` of the block. An Error where no commit ended there.
[[nodiscard]] Result<Digest> chain_after(const Block& block, Sequence sequence, Hasher& hasher);

// The commits that a block was merged of, each as a block of its own, with views into the same bytes.
[[nodiscard]] std::vector<Block> commits_of(const Block& block, Hasher& hasher);

// One block in the place of several that follow on each other, with their frames, digests and
// commits: every chain hash that the single blocks had can still be computed. An Error where they
// do not chain, are damaged, or would not fit into one.
[[nodiscard]] Result<std::string> merge_blocks(std::span<const std::string> blocks, Hasher& hasher);

// The same block without the personal parts of `sequences` (all inside the block); digests and
// chain stay.
[[nodiscard]] Result<std::string> erase_personal(std::string_view bytes,
                                                 std::span<const Sequence> sequences,
                                                 Hasher& hasher);

// What the first block of a store chains from: binds the chain to its store.
[[nodiscard]] Digest genesis_of(StoreId store, Hasher& hasher);

}  // namespace banger::log
