// A stored block. One that is taken says the same when it is put together again, whole or from its commits, and
// stays whole when what is personal is cut out of it.
#include "events/log/block.h"

#include <numeric>

#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

void check_again(const log::Block& block, std::string_view bytes, log::Hasher& hasher) {
  std::vector<std::string> commits;
  for (const log::Block& each : log::commits_of(block, hasher)) {
    commits.push_back(log::encode_block(each.previous, each.frames, hasher).bytes);
  }
  BANGER_ASSERT(commits.size() == block.groups.size());
  const auto merged = log::merge_blocks(commits, hasher);
  BANGER_ASSERT(merged && *merged == bytes);
}

void check_erased(const log::Block& block, std::string_view bytes, log::Hasher& hasher) {
  std::vector<Sequence> all(block.frames.size());
  std::iota(all.begin(), all.end(), block.first);
  const auto erased = log::erase_personal(bytes, all, hasher);
  BANGER_ASSERT(erased.has_value());
  log::Block rest;
  BANGER_ASSERT(log::decode_block(*erased, rest) && rest.frames.size() == block.frames.size());
  for (const log::Frame& frame : rest.frames) BANGER_ASSERT(frame.part != log::PersonalPart::kPresent);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  log::Hasher hasher;
  log::Block block;
  if (!log::decode_block(bytes, block)) return;
  BANGER_ASSERT(!block.frames.empty() && block.last() >= block.first);
  (void)log::chain_after(block, block.last(), hasher);
  if (!log::check_chain(block, hasher) || block.previous != Digest{}) return;  // with every digest zero
  check_again(block, bytes, hasher);
  check_erased(block, bytes, hasher);
}

}  // namespace banger::fuzz
