#include "tests/sim/disk.h"

#include <iterator>
#include <utility>

namespace banger::sim {

Disk::Disk() { chain_ = log::genesis_of(StoreId{1, 2}, hasher_); }

void Disk::apply(const Group& group) {
  unmerged_.clear();
  std::vector<log::Frame> frames;
  for (const log::AppendRequest& request : group) {
    for (const log::EncodedEvent& event : request.events) {
      must(event.sequence == head_ + frames.size() + 1, "an event does not follow on the log's last one");
      must(event.stream_version == ++versions_[event.stream], "an event does not follow on its stream's last one");
      const auto part = event.personal_bytes.empty() ? log::PersonalPart::kNone : log::PersonalPart::kPresent;
      frames.push_back({event.sequence, event.public_bytes, part, event.personal_bytes});
      streams.push_back(event.stream);
    }
    if (request.command) {
      must(commands.emplace(request.command->id, *request.command).second, "a command id is in the log twice");
    }
    for (const log::RowWrite& row : request.rows) {
      if (row.value) rows[row.projection][row.key] = *row.value;
      else rows[row.projection].erase(row.key);
    }
    names.insert(names.end(), request.interned.begin(), request.interned.end());
    for (const auto& [name, version] : request.checkpoints_for) checkpoints[name] = head_ + frames.size();
  }
  if (frames.empty()) return;
  log::EncodedBlock block = log::encode_block(chain_, frames, hasher_);
  blocks_[frames.front().sequence] = std::move(block.bytes);
  head_ += frames.size();
  chain_ = block.chain;
}

void Disk::merge(std::size_t blocks) {
  if (blocks_.size() < blocks + 1) return;
  std::vector<std::string> run;
  const auto end = std::next(blocks_.begin(), static_cast<std::ptrdiff_t>(blocks));
  unmerged_ = {blocks_.begin(), end};
  for (const auto& [first, bytes] : unmerged_) run.push_back(bytes);
  auto merged = log::merge_blocks(run, hasher_);
  must(merged.has_value(), "blocks cannot be merged");
  blocks_.erase(blocks_.begin(), end);
  blocks_[unmerged_.begin()->first] = *std::move(merged);
}

void Disk::lose_unsynced() {
  for (auto& [first, bytes] : std::exchange(unmerged_, {})) blocks_[first] = std::move(bytes);
}

void Disk::check() {
  Digest chain = log::genesis_of(StoreId{1, 2}, hasher_);
  Sequence last = 0;
  log::Block block;
  bool anchored = anchor_.sequence == 0;
  for (const auto& [first, bytes] : blocks_) {
    must(log::decode_block(bytes, block).has_value(), "a block is damaged");
    must(block.first == last + 1 && block.previous == chain, "a block does not chain");
    must(log::check_chain(block, hasher_).has_value(), "a chain hash is wrong");
    if (anchor_.sequence >= block.first && anchor_.sequence <= block.last()) {
      const auto at = log::chain_after(block, anchor_.sequence, hasher_);
      anchored = at && *at == anchor_.chain;
    }
    last = block.last();
    chain = block.chain;
  }
  must(last == head_ && chain == chain_, "the log is not what was written");
  must(anchored, "the log is behind its anchor");
}

void Disk::read(Sequence from, const std::function<bool(const log::Frame&)>& visit) const {
  auto place = blocks_.upper_bound(from);
  if (place != blocks_.begin()) --place;
  log::Block block;
  for (; place != blocks_.end(); ++place) {
    must(log::decode_block(place->second, block).has_value(), "a block is damaged");
    for (const log::Frame& frame : block.frames) {
      if (frame.sequence >= from && !visit(frame)) return;
    }
  }
}

Result<std::vector<log::Interned>> Disk::interned(std::uint8_t table) const {
  std::vector<log::Interned> found;
  for (const log::Interned& each : names) {
    if (each.table == table) found.push_back(each);
  }
  return found;
}

SimLog::SimLog(Scheduler& scheduler, Disk& disk, const LogFaults& faults, std::function<void()> on_synced,
               std::function<void(log::Durable)> on_durable)
    : scheduler_(scheduler), disk_(disk), faults_(faults), on_synced_(std::move(on_synced)),
      on_durable_(std::move(on_durable)) {
  durable_.sequence = disk_.head();
}

void SimLog::kill() {
  if (busy_ && scheduler_.dice().chance(faults_.kept_percent)) {
    disk_.apply(under_way_);
    on_synced_();
  } else if (!scheduler_.dice().chance(faults_.kept_percent)) {
    disk_.lose_unsynced();
  }
}

log::Ticket SimLog::append(log::AppendRequest request) {
  queue_.push_back(std::move(request));
  if (!busy_) commit();
  return ++last_ticket_;
}

void SimLog::commit() {
  busy_ = true;
  const bool slow = scheduler_.dice().chance(faults_.slow_percent);
  // What is appended until the sync begins goes with it, as with the real writer.
  scheduler_.in(scheduler_.dice().below(100), [this, slow] {
    under_way_ = std::exchange(queue_, {});
    group_ticket_ = last_ticket_;
    scheduler_.in(200 + scheduler_.dice().below(slow ? 5'000'000 : 2'000), [this] { synced(); });
  });
}

void SimLog::synced() {
  disk_.apply(under_way_);
  under_way_.clear();
  busy_ = false;
  durable_ = {group_ticket_, disk_.head()};
  on_synced_();
  if (!std::exchange(telling_, true)) {
    scheduler_.in(scheduler_.dice().below(200), [this] {
      telling_ = false;
      on_durable_(durable_);
    });
  }
  if (scheduler_.dice().chance(20)) disk_.write_anchor();
  if (scheduler_.dice().chance(5)) disk_.merge(2 + scheduler_.dice().below(6));
  if (!queue_.empty()) commit();
}

Result<std::optional<log::CommandRecord>> SimLog::find_command(CommandId id) {
  const auto found = disk_.commands.find(id);
  if (found == disk_.commands.end()) return std::nullopt;
  return found->second;
}

Status SimLog::read(Sequence from, const std::function<bool(const log::Frame&)>& visit) {
  disk_.read(from, visit);
  return {};
}

Status SimLog::rows(std::string_view projection, std::uint32_t, const log::EventLog::RowVisitor& visit) {
  for (const auto& [key, value] : disk_.rows[std::string(projection)]) {
    if (!visit(key, value)) break;
  }
  return {};
}

Result<std::optional<std::string>> SimLog::row(std::string_view projection, std::uint32_t, std::string_view key) {
  const auto& all = disk_.rows[std::string(projection)];
  const auto found = all.find(std::string(key));
  if (found == all.end()) return std::nullopt;
  return found->second;
}

Result<Sequence> SimLog::checkpoint(std::string_view projection, std::uint32_t) {
  return disk_.checkpoints[std::string(projection)];
}

}  // namespace banger::sim
