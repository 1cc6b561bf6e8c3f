#include "events/log/writer.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "events/assert.h"
#include "events/log/bytes.h"
#include "events/log/keys.h"

namespace banger::log {
namespace {

constexpr std::size_t kMaxKnownVersions = 65'536;
// A fifth of a quick disk's sync.
constexpr std::chrono::microseconds kGather{50};

std::size_t block_bytes(const AppendRequest& request) {
  std::size_t bytes = 0;
  for (const EncodedEvent& event : request.events) {
    bytes += kFrameHeaderBytes + event.public_bytes.size() + event.personal_bytes.size();
  }
  return bytes;
}

std::size_t queue_bytes(const AppendRequest& request) {
  std::size_t bytes = sizeof(AppendRequest) + block_bytes(request);
  for (const RowWrite& row : request.rows) {
    bytes += row.projection.size() + row.key.size() + (row.value ? row.value->size() : 0);
  }
  for (const Interned& interned : request.interned) bytes += interned.value.size();
  return bytes;
}

Frame frame_of(const EncodedEvent& event) {
  const bool personal = !event.personal_bytes.empty();
  return {event.sequence, event.public_bytes,
          personal ? PersonalPart::kPresent : PersonalPart::kNone, event.personal_bytes};
}

}  // namespace

Writer::Writer(const Store& store, Archives& archives, const Identity& identity, Merger merger,
               Checkpoints checkpoints, std::size_t max_requests, Hooks hooks)
    : store_(store),
      archives_(archives),
      max_requests_(max_requests),
      hooks_(std::move(hooks)),
      merger_(std::move(merger)),
      checkpoints_(std::move(checkpoints)),
      next_sequence_(identity.head + 1),
      durable_(identity),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  static_cast<void>(drain());
}

Ticket Writer::append(AppendRequest request) {
  const std::size_t bytes = queue_bytes(request);
  BANGER_ASSERT(request.events.size() <= kMaxBlockFrames);
  BANGER_ASSERT(kBlockHeaderBytes + block_bytes(request) <= kMaxBlockBytes);
  const std::scoped_lock lock(mutex_);
  BANGER_ASSERT(!stopping_);
  if (failure_) return 0;
  BANGER_ASSERT(queue_.size() + in_flight_ < kMaxQueuedRequests);
  BANGER_ASSERT(queued_bytes_ + bytes <= kMaxQueuedBytes);
  for (const EncodedEvent& event : request.events) {
    BANGER_ASSERT(event.sequence == next_sequence_);
    ++next_sequence_;
  }
  queued_bytes_ += bytes;
  queue_.push_back(std::move(request));
  queued_.store(queue_.size(), std::memory_order_relaxed);
  changed_.notify_one();
  return ++last_ticket_;
}

std::size_t Writer::depth() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size() + in_flight_;
}

Sequence Writer::next_sequence() const {
  const std::scoped_lock lock(mutex_);
  return next_sequence_;
}

Identity Writer::durable() const {
  const std::scoped_lock lock(mutex_);
  return durable_;
}

void Writer::fail_stop(Error error) {
  {
    const std::scoped_lock lock(mutex_);
    if (failure_) return;
    failure_ = error;
    queue_.clear();
    queued_bytes_ = 0;
    changed_.notify_one();
  }
  if (hooks_.on_failure) hooks_.on_failure(std::move(error));
}

Status Writer::drain() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  if (failure_) return std::unexpected(*failure_);
  return {};
}

void Writer::run() {
  std::unique_lock lock(mutex_);
  for (bool mergeable = true;;) {
    const bool idle = !stopping_ && !failure_ && queue_.empty();
    if (idle && mergeable) {
      const Sequence head = durable_.head;
      lock.unlock();
      mergeable = merge(head);
      lock.lock();
      continue;
    }
    gather(lock);
    changed_.wait(lock, [this] { return stopping_ || failure_ || !queue_.empty(); });
    if (failure_ || queue_.empty()) return;
    Group group = take_group();
    in_flight_ = group.requests.size();
    last_group_ = group.requests.size();
    lock.unlock();
    Result<Identity> next = commit(group);
    if (!next) return fail_stop(std::move(next).error());
    lock.lock();
    const bool moved = next->head != durable_.head;
    durable_ = *next;
    in_flight_ = 0;
    lock.unlock();
    if (moved) hooks_.on_head(*next);
    if (hooks_.on_durable) hooks_.on_durable({group.last_ticket, next->head});
    mergeable = merge(next->head);  // so that it keeps up with a queue that is never empty, too
    lock.lock();
  }
}

void Writer::gather(std::unique_lock<std::mutex>& lock) {
  const auto company = [this] {
    return queued_.load(std::memory_order_relaxed) >= std::max<std::size_t>(last_group_, 1);
  };
  if (stopping_ || failure_ || company()) return;
  lock.unlock();
  const auto until = std::chrono::steady_clock::now() + kGather;
  while (!company() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  lock.lock();
}

bool Writer::merge(Sequence head) {
  if (!merger_) return false;
  const auto more = merger_->step(store_, head);
  if (more) return *more;
  merger_.reset();
  if (hooks_.on_damage) hooks_.on_damage(more.error());
  return false;
}

Writer::Group Writer::take_group() {
  Group group;
  std::size_t frames = 0;
  std::size_t bytes = kBlockHeaderBytes;
  while (!queue_.empty() && group.requests.size() < max_requests_) {
    AppendRequest& next = queue_.front();
    frames += next.events.size();
    bytes += block_bytes(next);
    if (frames > kMaxBlockFrames || bytes > kMaxBlockBytes) break;
    queued_bytes_ -= queue_bytes(next);
    group.requests.push_back(std::move(next));
    queue_.pop_front();
  }
  BANGER_ASSERT(!group.requests.empty());
  queued_.store(queue_.size(), std::memory_order_relaxed);
  group.last_ticket = last_ticket_ - queue_.size();
  return group;
}

Result<Identity> Writer::commit(const Group& group) {
  Changes changes;
  Identity next = durable_;  // only this thread changes it
  BANGER_TRY(put_erasures(group, changes));
  BANGER_TRY(put_events(group, next, changes));
  std::set<CommandId> ids;
  for (const AppendRequest& request : group.requests) {
    if (request.command) {
      BANGER_ASSERT(ids.insert(request.command->id).second);
      BANGER_TRY(put_command(*request.command, changes));
    }
    for (const Interned& interned : request.interned) BANGER_TRY(put_interned(interned, changes));
  }
  put_rows(group, changes);
  put_archives(group, changes);
  auto batch = std::move(changes).batch(store_);
  BANGER_TRY(store_.write(batch));
  return next;
}

Status Writer::put_events(const Group& group, Identity& next, Changes& changes) {
  std::vector<Frame> frames;
  std::map<std::uint16_t, std::vector<Sequence>> kinds;
  if (versions_.size() > kMaxKnownVersions) versions_.clear();
  for (const AppendRequest& request : group.requests) {
    for (const EncodedEvent& event : request.events) {
      BANGER_TRY(check_version(event));
      frames.push_back(frame_of(event));
      changes.put(Family::kStreams, stream_key(event.stream, event.stream_version),
                  number_key(event.sequence));
      kinds[event.kind].push_back(event.sequence);
    }
  }
  if (frames.empty()) return {};
  for (const auto& [kind, sequences] : kinds) {
    changes.put(Family::kKinds, kind_key(kind, sequences.front()), kind_value(sequences));
  }
  BANGER_ASSERT(frames.front().sequence == next.head + 1);
  const EncodedBlock block = encode_block(next.chain, frames, hasher_);
  changes.put(Family::kBlocks, number_key(frames.front().sequence), block.bytes);
  next.head = frames.back().sequence;
  next.chain = block.chain;
  return {};
}

Status Writer::check_version(const EncodedEvent& event) {
  auto known = versions_.find(event.stream);
  if (known == versions_.end()) {
    auto stored = last_version(store_, event.stream);
    if (!stored) return std::unexpected(std::move(stored).error());
    known = versions_.emplace(event.stream, *stored).first;
  }
  BANGER_ASSERT(event.stream_version == known->second + 1);
  known->second = event.stream_version;
  return {};
}

Status Writer::put_command(const CommandRecord& record, Changes& changes) {
  const std::string key = command_key(record.id);
  auto stored = store_.get(Family::kCommands, key);
  if (!stored) return std::unexpected(std::move(stored).error());
  BANGER_ASSERT(!*stored);  // whoever appends has looked for the id, stored and in flight
  changes.put(Family::kCommands, key, command_value(record));
  return {};
}

Status Writer::put_interned(const Interned& interned, Changes& changes) {
  const std::string key = interned_key(interned.table, interned.id);
  auto stored = store_.get(Family::kMeta, key);
  if (!stored) return std::unexpected(std::move(stored).error());
  BANGER_ASSERT(!*stored);  // another meaning would change old events
  changes.put(Family::kMeta, key, interned.value);
  return {};
}

Status Writer::put_erasures(const Group& group, Changes& changes) {
  std::set<Sequence> left;
  for (const AppendRequest& request : group.requests) {
    left.insert(request.erase.begin(), request.erase.end());
  }
  BANGER_ASSERT(left.empty() || (*left.begin() > 0 && *left.rbegin() <= durable_.head));
  // What is in archives was erased there already: put_archives records the files.
  for (const AppendRequest& request : group.requests) {
    for (const ArchiveChange& change : request.archives) {
      if (!change.leaving.empty()) continue;
      left.erase(left.lower_bound(change.record.first), left.upper_bound(change.record.last));
    }
  }
  const auto archived = archives_.list();
  BANGER_ASSERT(left.empty() || archived->empty() || *left.begin() > archived->back()->record().last);
  while (!left.empty()) {
    auto bytes = find_block(store_, *left.begin());
    if (!bytes) return std::unexpected(std::move(bytes).error());
    Block block;
    BANGER_TRY(decode_block(*bytes, block));
    if (*left.begin() > block.last()) return fail("an event to erase lies in a gap of the log");
    const auto end = left.upper_bound(block.last());
    const std::vector<Sequence> here(left.begin(), end);
    auto erased = erase_personal(*bytes, here, hasher_);
    if (!erased) return std::unexpected(std::move(erased).error());
    changes.put(Family::kBlocks, number_key(block.first), *erased);
    left.erase(left.begin(), end);
  }
  return {};
}

void Writer::put_rows(const Group& group, Changes& changes) {
  bool moved = false;
  Sequence last = durable_.head;
  for (const AppendRequest& request : group.requests) {
    if (!request.events.empty()) last = request.events.back().sequence;
    for (const RowWrite& row : request.rows) {
      std::string key = row_prefix(row.projection, row.version) + row.key;
      if (row.value) {
        changes.put(Family::kProjections, std::move(key), *row.value);
      } else {
        changes.erase(Family::kProjections, std::move(key));
      }
    }
    for (const auto& projection : request.checkpoints_for) checkpoints_[projection] = last;
    moved = moved || !request.checkpoints_for.empty();
  }
  if (moved) {
    changes.put(Family::kProjections, std::string(kCheckpointsKey),
                checkpoints_value(checkpoints_));
  }
}

void Writer::put_archives(const Group& group, Changes& changes) {
  for (const AppendRequest& request : group.requests) {
    for (const ArchiveChange& change : request.archives) {
      const ArchiveRecord& record = change.record;
      const auto list = archives_.list();
      if (change.leaving.empty()) {
        // Two erasures of one archive at a time would lose the first.
        const auto old = std::ranges::find_if(
            *list, [&](const auto& each) { return each->record().first == record.first; });
        BANGER_ASSERT(old != list->end() && (*old)->record().digest == change.replaces &&
                      (*old)->record().chain == record.chain);
      }
      for (const Sequence first : change.leaving) {
        BANGER_ASSERT(first >= record.first && first <= record.last);
        changes.erase(Family::kBlocks, number_key(first));
      }
      BANGER_ASSERT(record.last < durable_.head);
      changes.put(Family::kMeta, std::string(kMetaFormat), format_value(kArchivedLogFormat));
      changes.put(Family::kMeta, archive_key(record.first), archive_value(record));
      archives_.publish(record);
    }
  }
}

}  // namespace banger::log
