#include "events/log/event_log.h"

#include "events/assert.h"
#include "events/log/anchor_keeper.h"
#include "events/log/archiving.h"
#include "events/log/block_source.h"
#include "events/log/create.h"
#include "events/log/keys.h"
#include "events/log/lookup.h"
#include "events/log/row_snapshot.h"
#include "events/log/space.h"
#include "events/log/verify_store.h"
#include "events/log/writer.h"

namespace banger::log {
namespace fs = std::filesystem;

struct EventLog::Impl {
  Impl(Fd log_lock, Store opened, const Identity& identity,
       const std::vector<ArchiveRecord>& archived, AnchorFile anchor, Merger merger,
       Checkpoints checkpoints, OpenOptions options)
      : lock(std::move(log_lock)),
        store(std::move(opened)),
        id(identity.store),
        paths(options.paths),
        archives(paths.archive(), id, archived),
        space(options.paths.path, options.low_water_bytes, options.ballast_bytes),
        keeper(std::move(anchor), options.anchor_interval,
               [this](Error error) { writer.fail_stop(std::move(error)); }),
        writer(store, archives, identity, std::move(merger), std::move(checkpoints),
               options.max_commit_requests,
               {.on_head = [this](const Identity& head) { keeper.follow(anchor_of(head)); },
                .on_durable = std::move(options.on_durable),
                .on_failure = std::move(options.on_failure),
                .on_damage = std::move(options.on_damage)}) {
    keeper.follow(anchor_of(identity));  // recovery has synced what it found
  }

  [[nodiscard]] BlockSource blocks(BlockSource::Way way, const BlockView* at = nullptr) const {
    return {store, archives, way, at};
  }

  Fd lock;
  Store store;
  StoreId id;
  LogPaths paths;
  Archives archives;
  Space space;
  AnchorKeeper keeper;  // outlives the writer's thread, and is stopped before the writer goes
  Writer writer;
  bool open = true;
};

namespace {

// Reads only, so that a refused log is as it was found: repair and a curious person need the
// evidence.
Status inspect(const LogPaths& paths, const std::optional<Anchor>& anchor) {
  auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  if (!store) return std::unexpected(std::move(store).error());
  auto identity = read_identity(*store);
  if (!identity) return std::unexpected(std::move(identity).error());
  return check_anchor(*store, *identity, anchor);
}

// The anchor, ready to be written, once the store under it is known to be there and whole.
Result<AnchorFile> admit(const OpenOptions& options) {
  const LogPaths& paths = options.paths;
  auto found = AnchorFile::open(paths, false);
  if (!found) return found;
  const std::optional<Anchor>& promised = found->newest();
  std::error_code failed;
  const bool there = fs::exists(paths.db(), failed);
  if (failed) return fail("look for the log: " + failed.message(), failed.value());
  if (there) {
    BANGER_TRY(inspect(paths, promised));
  } else if (promised && promised->sequence > 0) {
    return fail("the database " + paths.db().string() + " is gone; its anchor says that it had " +
                std::to_string(promised->sequence) + " events: restore a backup");
  }
  auto anchor = AnchorFile::open(paths, true);
  if (anchor && !there) BANGER_TRY(create_store(paths, options.new_store_id, *anchor));
  return anchor;
}

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::open(OpenOptions options) {
  BANGER_TRY(make_private_dir(options.paths.path));
  BANGER_TRY(make_private_dir(options.paths.anchor_dir));
  auto lock = lock_log(options.paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto anchor = admit(options);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  auto store = Store::open(options.paths.db(), StoreMode::kWrite, options.env);
  if (!store) return std::unexpected(std::move(store).error());
  auto identity = read_identity(*store);
  if (!identity) return std::unexpected(std::move(identity).error());
  auto merger = Merger::open(*store);
  if (!merger) return std::unexpected(std::move(merger).error());
  BANGER_TRY(raise_format(*store));
  auto checkpoints = read_checkpoints(*store);
  if (!checkpoints) return std::unexpected(std::move(checkpoints).error());
  auto archived = read_archives(*store);
  if (!archived) return std::unexpected(std::move(archived).error());
  auto impl = std::make_unique<Impl>(std::move(*lock), std::move(*store), *identity, *archived,
                                     std::move(*anchor), std::move(*merger),
                                     std::move(*checkpoints), std::move(options));
  BANGER_TRY(tidy_archives(impl->paths, impl->id, *impl->archives.list()));
  return std::unique_ptr<EventLog>(new EventLog(std::move(impl)));
}

EventLog::EventLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

EventLog::~EventLog() {
  if (impl_->open) static_cast<void>(shutdown());
}

Status EventLog::shutdown() {
  BANGER_ASSERT(impl_->open);
  impl_->open = false;
  Status drained = impl_->writer.drain();
  Status anchored = impl_->keeper.stop();
  Status closed = impl_->store.close();
  impl_->lock = Fd();
  if (!drained) return drained;
  return anchored ? closed : anchored;
}

Ticket EventLog::append(AppendRequest request) {
  return impl_->writer.append(std::move(request));
}
std::size_t EventLog::queue_depth() const {
  return impl_->writer.depth();
}
Sequence EventLog::next_sequence() const {
  return impl_->writer.next_sequence();
}
StoreId EventLog::store_id() const {
  return impl_->id;
}

Head EventLog::head() const {
  const Identity durable = impl_->writer.durable();
  return {durable.head, durable.chain, durable.epoch.number};
}

Result<std::vector<Epoch>> EventLog::epochs() const {
  return read_epochs(impl_->store);
}

Result<Sequence> EventLog::read(Sequence from, std::size_t max_bytes,
                                const EventVisitor& visit) const {
  BANGER_ASSERT(from > 0);
  BlockSource source = impl_->blocks(BlockSource::Way::kScan);
  BANGER_TRY(source.seek(from));
  Sequence next = from;
  for (std::size_t bytes = 0; source.valid() && bytes < max_bytes;) {
    const Block& block = source.block();
    if (block.first > next)
      return fail("the log has a gap before event " + std::to_string(block.first));
    for (std::size_t i = next - block.first; i < block.frames.size(); ++i) {
      if (!visit(block.frames[i])) return next + 1;
      ++next;
    }
    bytes += source.bytes();
    if (bytes < max_bytes) BANGER_TRY(source.next());
  }
  return next;
}

EventLog::Snapshot EventLog::snapshot() const {
  return std::make_shared<const BlockView>(impl_->store, impl_->archives);
}

Status EventLog::blocks(Sequence from, const BlockVisitor& visit, const Snapshot& snapshot) const {
  return visit_blocks(impl_->blocks(BlockSource::Way::kScan, snapshot.get()), from, visit);
}

Status EventLog::commits(Sequence from, const BlockVisitor& visit) const {
  Hasher hasher;
  return blocks(from, [&](const Block& block) {
    for (const Block& commit : commits_of(block, hasher)) {
      if (commit.last() >= from && !visit(commit)) return false;
    }
    return true;
  });
}

Result<StoredEvent> EventLog::event(Sequence sequence) const {
  BANGER_ASSERT(sequence > 0);
  std::optional<StoredEvent> found;
  BANGER_TRY(visit_events(std::span(&sequence, 1), [&](const Frame& frame) {
    Hasher hasher;
    found = StoredEvent{sequence, std::string(frame.public_bytes), std::string(frame.personal_bytes()),
                        frame.erased(), frame_digest(frame, hasher)};
    return false;
  }));
  return *std::move(found);
}

Result<std::vector<Sequence>> EventLog::stream_events(StreamId stream, StreamVersion from,
                                                      std::size_t limit) const {
  const std::string prefix = stream_prefix(stream);
  std::vector<Sequence> found;
  auto it = impl_->store.look(Family::kStreams);
  for (it->Seek(stream_key(stream, from)); it->Valid() && it->key().starts_with(prefix);
       it->Next()) {
    if (found.size() == limit) break;
    const auto sequence = parse_number(it->value().ToStringView());
    if (!sequence) return fail("an entry of the stream index cannot be read");
    found.push_back(*sequence);
  }
  BANGER_TRY(check("read the log", it->status()));
  return found;
}

Result<std::vector<Sequence>> EventLog::events_of_kind(std::uint16_t kind, Sequence from,
                                                       std::size_t limit) const {
  return log::events_of_kind(impl_->store, kind, from, limit);
}

Result<std::vector<Sequence>> EventLog::events_of_kind_before(std::uint16_t kind, Sequence before,
                                                              std::size_t limit) const {
  return log::events_of_kind_before(impl_->store, kind, before, limit);
}
Status EventLog::visit_events(std::span<const Sequence> sequences,
                              const EventVisitor& visit) const {
  return log::visit_events(impl_->blocks(BlockSource::Way::kLook), sequences, visit);
}
Result<StreamVersion> EventLog::stream_version_at(StreamId stream, Sequence at) const {
  return log::stream_version_at(impl_->store, stream, at);
}
Sequence EventLog::first_sequence() const {
  return log::first_sequence(impl_->store, impl_->archives);
}

Result<std::optional<CommandRecord>> EventLog::find_command(CommandId id) const {
  const std::string key = command_key(id);
  auto value = impl_->store.get(Family::kCommands, key);
  if (!value) return std::unexpected(std::move(value).error());
  if (!*value) return std::nullopt;
  auto record = parse_command(key, **value);
  if (!record) return fail("the record of command " + id.hex() + " cannot be read");
  return record;
}

Status EventLog::rows(std::string_view projection, std::uint32_t version,
                      const RowVisitor& visit) const {
  return rows_from(projection, version, {}, visit);
}

Status EventLog::rows_from(std::string_view projection, std::uint32_t version,
                           std::string_view first_key, const RowVisitor& visit) const {
  return log::rows_from(impl_->store, projection, version, first_key, visit);
}

Result<std::optional<std::string>> EventLog::row(std::string_view projection, std::uint32_t version,
                                                 std::string_view key) const {
  return impl_->store.get(Family::kProjections, row_prefix(projection, version).append(key));
}

Result<Sequence> EventLog::checkpoint(std::string_view projection, std::uint32_t version) const {
  const auto checkpoints = read_checkpoints(impl_->store);
  if (!checkpoints) return std::unexpected(checkpoints.error());
  return checkpoint_of(*checkpoints, projection, version);
}

Result<std::vector<Interned>> EventLog::interned(std::uint8_t table) const {
  const std::string prefix = interned_prefix(table);
  std::vector<Interned> found;
  auto it = impl_->store.scan(Family::kMeta);
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    auto parsed = parse_interned(it->key().ToStringView());
    if (!parsed) return fail("an interned value cannot be read");
    parsed->value = it->value().ToString();
    found.push_back(std::move(*parsed));
  }
  BANGER_TRY(check("read the log", it->status()));
  return found;
}

std::unique_ptr<RowSnapshot> EventLog::snapshot_rows() const {
  return take_row_snapshot(impl_->store);
}

Result<StreamId> EventLog::stream_of(Sequence sequence) const {
  return find_stream(impl_->store, sequence);
}

Result<bool> EventLog::low_water() {
  return impl_->space.low();
}

Result<VerifyReport> EventLog::verify(const VerifyProgress& progress) const {
  return verify_store(impl_->store, impl_->paths, progress);
}

Status EventLog::backup(const fs::path& target) const {
  return backup_store(impl_->store, impl_->archives, target);
}

Status EventLog::purge_erased() const {
  BANGER_TRY(tidy_archives(impl_->paths, impl_->id, *impl_->archives.list()));
  // A WAL goes when no family needs it any more: so all of them, or the old block stays in it.
  BANGER_TRY(impl_->store.flush());
  rocksdb::ColumnFamilyHandle* blocks = impl_->store.family(Family::kBlocks);
  rocksdb::CompactRangeOptions whole;
  whole.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return check("purge", impl_->store.db().CompactRange(whole, blocks, nullptr, nullptr));
}

std::vector<ArchiveState> EventLog::archives() const {
  return states_of(*impl_->archives.list());
}

Result<ArchivePlan> EventLog::plan_archive(Sequence before, Sequence limit) const {
  return log::plan_archive(impl_->store, impl_->archives, impl_->paths, before, limit);
}

Result<ArchiveChange> EventLog::write_archive(const ArchivePlan& plan,
                                              const VerifyProgress& progress) const {
  return log::write_archive(impl_->store, impl_->paths, impl_->id, plan, progress);
}

Result<std::vector<ArchiveChange>> EventLog::rewrite_archives(std::span<const Sequence> events) const {
  return log::rewrite_archives(*impl_->archives.list(), impl_->paths, impl_->id, events);
}

Status EventLog::purge_archived() const {
  const auto list = impl_->archives.list();
  if (list->empty()) return {};
  BANGER_TRY(impl_->store.flush());
  const std::string end = number_key(list->back()->record().last + 1);
  const rocksdb::Slice until(end);
  rocksdb::CompactRangeOptions range;
  range.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return check("purge", impl_->store.db().CompactRange(range, impl_->store.family(Family::kBlocks),
                                                       nullptr, &until));
}

}  // namespace banger::log
