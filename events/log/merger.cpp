#include "events/log/merger.h"

#include <vector>

#include "events/log/block.h"
#include "events/log/keys.h"

namespace banger::log {
namespace {

constexpr std::size_t kMaxRunBytes = 1u << 20;
// A block of so many frames is left alone: its head is a hundredth of it, and a busy log has no time
// to write everything twice.
constexpr Sequence kEnoughFrames = 32;

// Neighbouring blocks that are to become one; or a single one that is large enough already.
struct Run {
  std::vector<std::string> keys;
  std::vector<std::string> blocks;
  std::size_t bytes = 0;
  Sequence last = 0;  // 0: there is nothing to do yet
};

// The blocks from event `from` on. Where a block ends is known from where the next one begins, so
// the log's last block is left for another time.
Result<Run> next_run(const Store& store, Sequence from, Sequence head) {
  Run run;
  Sequence first = 0;
  auto it = store.look(Family::kBlocks);
  it->Seek(number_key(from));
  while (it->Valid()) {
    const auto begin = parse_number(it->key().ToStringView());
    if (!begin) return fail("the key of a block cannot be read");
    std::string key = it->key().ToString();
    std::string block = it->value().ToString();
    it->Next();
    const auto next = it->Valid() ? parse_number(it->key().ToStringView()) : std::nullopt;
    if (!next || *next > head + 1) break;
    if (first == 0) first = *begin;
    const bool fits = *next - first <= Merger::kFrames && run.bytes + block.size() <= kMaxRunBytes;
    if (!fits && !run.keys.empty()) break;
    run.keys.push_back(std::move(key));
    run.bytes += block.size();
    run.blocks.push_back(std::move(block));
    run.last = *next - 1;
    if (!fits) break;
  }
  BANGER_TRY(check("read the log", it->status()));
  return run;
}

}  // namespace

Result<Merger> Merger::open(const Store& store) {
  const auto value = store.get(Family::kMeta, kMetaMerged);
  if (!value) return std::unexpected(value.error());
  const auto done = *value ? parse_number(**value) : Sequence{0};
  if (!done) return fail("how far the log's blocks are merged cannot be read");
  return Merger(*done);
}

Result<bool> Merger::step(const Store& store, Sequence head) {
  if (head < done_ + 2 * kFrames) return false;  // a run that ends before the head is whole
  const auto run = next_run(store, done_ + 1, head);
  if (!run) return std::unexpected(run.error());
  if (run->last == 0) return false;
  rocksdb::WriteBatch batch = make_batch();
  const bool small = run->last - done_ < kEnoughFrames * run->keys.size();
  if (run->keys.size() > 1 && small) {
    const auto merged = merge_blocks(run->blocks, hasher_);
    if (!merged) return std::unexpected(merged.error());
    for (std::size_t i = 1; i < run->keys.size(); ++i) {
      BANGER_TRY(check("merge", batch.Delete(store.family(Family::kBlocks), run->keys[i])));
    }
    BANGER_TRY(
        check("merge", batch.Put(store.family(Family::kBlocks), run->keys.front(), *merged)));
  }
  done_ = run->last;
  BANGER_TRY(
      check("merge", batch.Put(store.family(Family::kMeta), kMetaMerged, number_key(done_))));
  BANGER_TRY(store.write_unsynced(batch));
  return head >= done_ + 2 * kFrames;
}

}  // namespace banger::log
