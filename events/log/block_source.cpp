#include "events/log/block_source.h"

#include <algorithm>

#include "events/assert.h"
#include "events/log/keys.h"

namespace banger::log {

BlockSource::BlockSource(const Store& store, const Archives& archives, Way way, const BlockView* at)
    : stored_(way == Way::kScan ? store.scan(Family::kBlocks, at ? at->snapshot : nullptr)
                                : store.look(Family::kBlocks)),
      list_(at ? at->list : archives.list()) {
  BANGER_ASSERT(at == nullptr || way == Way::kScan);
}

Sequence BlockSource::archived_to() const {
  return list_->empty() ? 0 : list_->back()->record().last;
}

Status BlockSource::seek(Sequence sequence) {
  return sequence <= archived_to() ? seek_archived(sequence) : seek_stored(sequence);
}

Status BlockSource::next() {
  BANGER_ASSERT(valid());
  if (!file_) {
    stored_->Next();
    return take_stored();
  }
  if (++index_ < file_->blocks()) return take_archived();
  return seek(block_.last() + 1);
}

Status BlockSource::seek_archived(Sequence sequence) {
  block_.frames.clear();
  const auto holds = [&](const auto& archive) { return archive->record().last >= sequence; };
  const auto archive = std::ranges::find_if(*list_, holds);
  file_.reset();
  auto file = (*archive)->open();
  if (!file) return std::unexpected(std::move(file).error());
  // Sequences begin at 1, and so does the first archive.
  const auto index = (*file)->find(std::max(sequence, (*archive)->record().first));
  if (!index) return std::unexpected(index.error());
  file_ = *std::move(file);
  index_ = *index;
  return take_archived();
}

Status BlockSource::seek_stored(Sequence sequence) {
  file_.reset();
  stored_->SeekForPrev(number_key(sequence));
  // The store may still hold blocks that the archives have: they are not read twice.
  const auto begins = stored_->Valid() ? parse_number(stored_->key().ToStringView()) : std::nullopt;
  if (!begins || *begins <= archived_to()) stored_->Seek(number_key(archived_to() + 1));
  BANGER_TRY(take_stored());
  if (!valid() || block_.last() >= sequence) return {};
  stored_->Next();
  return take_stored();
}

Status BlockSource::take_archived() {
  Status got = file_->read(index_, archived_, block_);
  if (!got) block_.frames.clear();
  size_ = archived_.size();
  return got;
}

Status BlockSource::take_stored() {
  block_.frames.clear();
  if (!stored_->Valid()) return check("read the log", stored_->status());
  const std::string_view bytes = stored_->value().ToStringView();
  size_ = bytes.size();
  Status decoded = decode_block(bytes, block_);
  if (!decoded) block_.frames.clear();
  return decoded;
}

Sequence first_sequence(const Store& store, const Archives& archives) {
  auto it = store.look(Family::kBlocks);  // before the list, as BlockSource does
  const auto list = archives.list();
  if (list->empty()) {
    it->SeekToFirst();
    // A first block that cannot be read is found by whoever reads it: that is no reason to end here.
    return it->Valid() ? parse_number(it->key().ToStringView()).value_or(1) : 1;
  }
  Sequence first = list->back()->record().last + 1;
  for (auto archive = list->rbegin(); archive != list->rend() && (*archive)->open(); ++archive) {
    first = (*archive)->record().first;
  }
  return first;
}

Status visit_events(BlockSource source, std::span<const Sequence> sequences,
                    const EventLog::EventVisitor& visit) {
  for (const Sequence sequence : sequences) {
    const auto here = [&] {
      return source.valid() && sequence >= source.block().first && sequence <= source.block().last();
    };
    if (!here()) BANGER_TRY(source.seek(sequence));
    if (!here()) return fail("there is no event " + std::to_string(sequence));
    if (!visit(source.block().frames[sequence - source.block().first])) return {};
  }
  return {};
}

Status visit_blocks(BlockSource source, Sequence from, const EventLog::BlockVisitor& visit) {
  for (Status status = source.seek(from);; status = source.next()) {
    if (!status || !source.valid() || !visit(source.block())) return status;
  }
}

}  // namespace banger::log
