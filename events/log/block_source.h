// Where blocks are read from, for everything that reads them: the archives first, then the store, in
// order and as if they were one. For this folder's other files only; any thread, and it never writes.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "events/log/archives.h"
#include "events/log/event_log.h"
#include "events/log/store.h"

namespace banger::log {

// The log's blocks at one moment (EventLog::Snapshot).
struct BlockView {
  BlockView(const Store& store, const Archives& archives)
      : database(store.db()), snapshot(database.GetSnapshot()), list(archives.list()) {}
  ~BlockView() { database.ReleaseSnapshot(snapshot); }
  BlockView(const BlockView&) = delete;
  BlockView& operator=(const BlockView&) = delete;

  rocksdb::DB& database;
  const rocksdb::Snapshot* snapshot;
  std::shared_ptr<const ArchiveList> list;  // taken after the snapshot, see Archives::publish
};

// Stands on a block or, behind the last one, on none.
class BlockSource {
 public:
  enum class Way { kScan, kLook };  // many blocks in order; a few, far apart
  BlockSource(const Store& store, const Archives& archives, Way way, const BlockView* at = nullptr);

  // To the block that holds the event; where there is none, to the first one after it.
  [[nodiscard]] Status seek(Sequence sequence);
  [[nodiscard]] Status next();
  [[nodiscard]] bool valid() const { return !block_.frames.empty(); }
  // Until the next seek() or next().
  [[nodiscard]] const Block& block() const { return block_; }
  [[nodiscard]] std::size_t bytes() const { return size_; }

 private:
  [[nodiscard]] Status seek_archived(Sequence sequence);
  [[nodiscard]] Status seek_stored(Sequence sequence);
  [[nodiscard]] Status take_archived();
  [[nodiscard]] Status take_stored();
  [[nodiscard]] Sequence archived_to() const;  // the last event that is in an archive

  std::unique_ptr<rocksdb::Iterator> stored_;  // made before the list is looked at
  std::shared_ptr<const ArchiveList> list_;
  std::shared_ptr<const ArchiveFile> file_;  // none: it stands in the store
  std::size_t index_ = 0;                    // of the block in the file
  std::string archived_;                     // its bytes
  Block block_;
  std::size_t size_ = 0;
};

// The first event from which on all can be read: archives whose files are missing are no part of it.
[[nodiscard]] Sequence first_sequence(const Store& store, const Archives& archives);
[[nodiscard]] Status visit_events(BlockSource source, std::span<const Sequence> sequences,
                                  const EventLog::EventVisitor& visit);
// Whole blocks, from the one that holds `from` on, until the visitor says false.
[[nodiscard]] Status visit_blocks(BlockSource source, Sequence from,
                                  const EventLog::BlockVisitor& visit);

}  // namespace banger::log
