#include "cli/bangerd/care/shadow_fold.h"

#include "engine/runtime/load_interned.h"

namespace banger::bangerd {
namespace {

constexpr std::size_t kSliceBytes = 4 << 20;  // of blocks: some tens of milliseconds

}  // namespace

ShadowFold::ShadowFold(const log::EventLog& log) : log_(log), rows_(log.snapshot_rows()) {}

Status ShadowFold::read_interned() {
  auto read = load_interned(log_);
  if (!read) return std::unexpected(read.error());
  interned_ = *std::move(read);
  return {};
}

Status ShadowFold::begin() {
  begun_ = true;
  BANGER_TRY(read_interned());
  // Rows and checkpoints of all projections move in the same batch.
  auto checkpoint = rows_->checkpoint(kHistory.name, kHistory.version);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  target_ = *checkpoint;
  return {};
}

Status ShadowFold::fold(Sequence to, std::size_t max_bytes) {
  Status folded;
  auto next = log_.read(replay_.fleet().last + 1, max_bytes, [&](const log::Frame& frame) {
    if (frame.sequence > to) return false;
    folded = replay_.fold_stored(frame.public_bytes, frame.personal_bytes(), interned_,
                                 [&](Sequence sequence) { return log_.stream_of(sequence); });
    return folded.has_value();
  });
  if (!next) return std::unexpected(next.error());
  return folded;
}

Status ShadowFold::compare() {
  for (const ProjectionInfo& info : kProjections) {
    RowCheck check(info.name, replay_.rows(info.name));
    BANGER_TRY(rows_->rows(info.name, info.version, [&](std::string_view key, std::string_view value) {
      check.see(key, value);
      return true;
    }));
    std::move(check).finish(report_);
  }
  report_.sequence = target_;
  rows_.reset();
  return {};
}

Result<bool> ShadowFold::slice() {
  if (!begun_) BANGER_TRY(begin());
  if (replay_.fleet().last < target_) BANGER_TRY(fold(target_, kSliceBytes));
  if (replay_.fleet().last < target_) return false;
  BANGER_TRY(compare());
  return true;
}

Status ShadowFold::catch_up() {
  BANGER_TRY(read_interned());
  const Sequence head = log_.head().sequence;
  while (replay_.fleet().last < head) BANGER_TRY(fold(head, kSliceBytes));
  return {};
}

}  // namespace banger::bangerd
