#include "cli/bangerd/care/bundle_part.h"

#include <algorithm>
#include <set>

#include "events/bundle/records.h"
#include "events/peek.h"

namespace banger::bangerd {
namespace {

// Blocks are left whole: a page ends inside of one only where that one is long.
class PartMaker {
 public:
  PartMaker(const Interned& interned, const rpc::BundleSelection& selection, Sequence cursor, std::size_t max_bytes)
      : interned_(interned), selection_(selection), cursor_(cursor), max_bytes_(max_bytes) {}

  // The first chosen event from `from` on; 0: none.
  [[nodiscard]] Sequence chosen_from(Sequence from) const {
    const auto other = std::ranges::lower_bound(selection_.others, from);
    if (other != selection_.others.end()) return *other;
    if (selection_.more_others || selection_.last == 0 || from > selection_.last) return 0;
    return std::max(from, selection_.first);
  }

  // False once the page is full.
  bool take(const log::Block& block) {
    const Sequence begin = std::max(block.first, cursor_);
    if (full()) {  // before the block's head, which the next page then begins with
      part_.next = begin;
      return false;
    }
    if (begin == block.first) {
      bundle::put_block(part_.records, {block.first, static_cast<std::uint32_t>(block.frames.size()), block.previous,
                                        block.chain});
    }
    Sequence at = begin;
    for (; at <= block.last(); ++at) {
      const bool beyond = selection_.more_others && !selection_.others.empty() && at > selection_.others.back();
      if (beyond || (at > begin && full())) {
        flush_left_out();
        part_.next = at;
        return false;
      }
      take(block.frames[at - block.first]);
    }
    flush_left_out();
    part_.next = at;
    return true;
  }

  rpc::BundlePart finish() && { return std::move(part_); }
  [[nodiscard]] Sequence next() const { return part_.next; }

 private:
  [[nodiscard]] bool full() const { return part_.records.size() >= max_bytes_; }

  void take(const log::Frame& frame) {
    if (chosen_from(frame.sequence) != frame.sequence) {
      left_out_.push_back(log::frame_digest(frame, hasher_));
      if (left_out_.size() == bundle::kMaxDigestsARecord) flush_left_out();
      return;
    }
    flush_left_out();
    // One that is unreadable is taken all the same: it is part of the evidence.
    if (const auto peeked = peek(frame.public_bytes)) {
      put_interned(InternTable::kActor, peeked->actor);
      put_interned(InternTable::kBoot, peeked->boot);
    }
    bundle::put_event(part_.records, frame);
  }

  void put_interned(InternTable table, std::uint32_t number) {
    if (!told_.insert({table, number}).second) return;
    if (const auto entry = interned_.entry(table, number)) bundle::put_interned(part_.records, *entry);
  }

  void flush_left_out() {
    if (!left_out_.empty()) bundle::put_left_out(part_.records, left_out_);
    left_out_.clear();
  }

  const Interned& interned_;
  const rpc::BundleSelection& selection_;
  Sequence cursor_;
  std::size_t max_bytes_;
  std::set<std::pair<InternTable, std::uint32_t>> told_;  // in this page
  std::vector<Digest> left_out_;
  log::Hasher hasher_;
  rpc::BundlePart part_;
};

}  // namespace

Result<rpc::BundlePart> make_bundle_part(const log::EventLog& log, const Interned& interned,
                                         const rpc::BundleSelection& selection, Sequence cursor,
                                         std::size_t max_bytes) {
  if (std::max(selection.last, selection.others.empty() ? 0 : selection.others.back()) > log.head().sequence) {
    return fail("an event was chosen that is not there yet");
  }
  PartMaker maker(interned, selection, cursor, max_bytes);
  // A cursor inside of a block means the rest of that one, whatever is chosen of it.
  Sequence from = cursor;
  bool inside = false;
  if (cursor > 0) {
    BANGER_TRY(log.commits(cursor, [&](const log::Block& block) {
      inside = block.first < cursor;
      return false;
    }));
  }
  if (!inside) from = maker.chosen_from(std::max<Sequence>(cursor, 1));
  while (from != 0) {
    bool full = false;
    Sequence next_chosen = 0;
    BANGER_TRY(log.commits(from, [&](const log::Block& block) {
      full = !maker.take(block);
      next_chosen = maker.chosen_from(maker.next());
      // Neighbours come from the same scan, the others are sought.
      return !full && next_chosen == block.last() + 1;
    }));
    if (full) return std::move(maker).finish();
    from = next_chosen;
  }
  auto part = std::move(maker).finish();
  part.next = 0;
  return part;
}

}  // namespace banger::bangerd
