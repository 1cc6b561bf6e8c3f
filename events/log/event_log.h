// EventLog: the only authority on what was wanted and what came of it. The runtime appends through
// it and reads it back at start; subscribers read it when on_durable wakes them; nobody else opens
// the database. One writer thread commits whatever has queued up as one block with one sync;
// append() never blocks. Reads may come from any thread. A failed write or sync is final:
// on_failure is called once and nothing is taken any more (retrying a failed fsync lies). It knows
// neither Cap'n Proto nor events: it keeps opaque bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "events/ids.h"
#include "events/log/archive_file.h"
#include "events/log/block.h"
#include "events/log/files.h"
#include "events/log/verify.h"
#include "events/result.h"
#include "events/types.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace banger::log {

struct EncodedEvent {
  Sequence sequence = 0;
  StreamId stream;
  StreamVersion stream_version = 0;
  std::uint16_t kind = 0;
  std::string public_bytes;
  std::string personal_bytes;  // can be erased later; begins with the codec's salt; empty where
                               // there is none
};

// What an accepted command came to. One that changed nothing has event_count 0.
struct CommandRecord {
  CommandId id;
  Digest request_digest{};
  Sequence first_sequence = 0;
  std::uint32_t event_count = 0;
  StreamId subject;

  friend bool operator==(const CommandRecord&, const CommandRecord&) = default;
};

// `projection` is a short name without NUL bytes; `value` of nothing deletes the row.
struct RowWrite {
  std::string projection;
  std::uint32_t version = 0;
  std::string key;
  std::optional<std::string> value;
};

// A long thing that events name by a small number: actors, boot ids. Written once, never changed.
struct Interned {
  std::uint8_t table = 0;
  std::uint32_t id = 0;
  std::string value;

  friend bool operator==(const Interned&, const Interned&) = default;
};

// The whole blocks that would leave the store for an archive. `last` 0: there are none.
struct ArchivePlan {
  Sequence first = 0;
  Sequence last = 0;
  std::vector<Sequence> blocks;  // the first event of each
  std::uint64_t bytes = 0;       // of them, before compression
};

// A file that is there, and what the store is to do about it.
struct ArchiveChange {
  ArchiveRecord record;
  std::vector<Sequence> leaving;  // of a new archive: the blocks that leave the store
  Digest replaces{};              // of one that was rewritten: the digest recorded before
};

// An archive that the store has recorded.
struct ArchiveState {
  ArchiveRecord record;
  std::string name;     // of its file
  std::string problem;  // why it cannot be read; empty: it can
};

// All of it becomes durable, or none. A request may lack events (a command that changed nothing,
// rows of a rebuilt projection).
struct AppendRequest {
  std::vector<EncodedEvent> events;
  std::optional<CommandRecord> command;
  std::vector<RowWrite> rows;
  std::vector<Interned> interned;
  // (projection, version) whose checkpoint moves to this request's last event, or, where it has
  // none, to the last event appended before it.
  std::vector<std::pair<std::string, std::uint32_t>> checkpoints_for;
  // Durable events that lose their personal part; already erased ones and those without are left as
  // they are. The event that records the erasure belongs into the same request.
  std::vector<Sequence> erase;
  // New archives and rewritten ones; the latter for every event to erase that is not in the store.
  // The event that records it belongs into the same request.
  std::vector<ArchiveChange> archives;
};

// Counts append() calls of this process, from 1: the unit in which durability is told, since a
// request without events has no sequence of its own. 0: refused, the log has failed.
using Ticket = std::uint64_t;

struct Durable {
  Ticket ticket = 0;      // this request and all before it are on disk
  Sequence sequence = 0;  // the log's last durable event
};

// A sequence means the same event only within one epoch. The daemon makes an event of an epoch that
// is new to it (operators' losses must be in the history), which the log cannot: it knows no
// events.
struct Epoch {
  std::uint64_t number = 0;
  EpochReason reason = EpochReason::kCreated;
  Sequence begins_after = 0;  // last event kept from the epoch before
  Sequence anchored =
      0;  // what the anchor had promised then; more than begins_after: events were lost

  friend bool operator==(const Epoch&, const Epoch&) = default;
};

struct Head {
  Sequence sequence = 0;  // 0: empty
  Digest chain{};
  std::uint64_t epoch = 0;
};

struct StoredEvent {
  Sequence sequence = 0;
  std::string public_bytes;
  std::string personal_bytes;
  bool erased = false;
  Digest digest{};
};

// The rows as they are at one moment, however long it is looked at. Must not outlive its log. Any thread, one
// at a time.
class RowSnapshot {
 public:
  using RowVisitor = std::function<bool(std::string_view key, std::string_view value)>;
  virtual ~RowSnapshot() = default;
  // In the order of keys, until the visitor says false.
  [[nodiscard]] virtual Status rows(std::string_view projection, std::uint32_t version,
                                    const RowVisitor& visit) const = 0;
  // 0 where the projection has none.
  [[nodiscard]] virtual Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) const = 0;
};

struct OpenOptions {
  LogPaths paths;
  // Called on the writer thread, in order, after each sync; must not call back into append().
  std::function<void(Durable)> on_durable = {};
  // Called once, on one of the log's threads. The daemon must stop.
  std::function<void(Error)> on_failure = {};
  // Called at most once, on the writer thread: old blocks were found damaged while they were being
  // merged. Appending goes on; verify says more.
  std::function<void(Error)> on_damage = {};
  std::uint64_t low_water_bytes = 256u
                                  << 20;    // free space below which new intents should be refused
  std::uint64_t ballast_bytes = 64u << 20;  // kept to be let go, so that deletes have room
  std::chrono::milliseconds anchor_interval{
      500};                                  // at least this long between two anchors; at most 1 s
  std::optional<StoreId> new_store_id = {};  // for a new store; random where not given
  // Requests that one sync commits at most; 1 makes the log of a lonely client.
  std::size_t max_commit_requests = 8'192;
  rocksdb::Env* env = nullptr;               // tests inject failures here; must outlive the log
};

inline constexpr std::size_t kMaxQueuedRequests = 65'536;
inline constexpr std::size_t kMaxQueuedBytes = 256u << 20;

struct BlockView;

class EventLog {
 public:
  // Makes the store where there is none. Refuses: a log that another process has open, another
  // store than the anchor's, a head before the anchor, a chain that differs at the anchored event,
  // a newer format, a missing anchor. Refusing changes nothing on disk.
  [[nodiscard]] static Result<std::unique_ptr<EventLog>> open(OpenOptions options);
  ~EventLog();  // shutdown(), if that has not happened

  // Never blocks. Asserts gapless sequences and the queue's bounds; the writer asserts that stream
  // versions follow on what is stored and that command ids are new.
  Ticket append(AppendRequest request);
  [[nodiscard]] std::size_t queue_depth() const;  // requests not yet durable
  [[nodiscard]] Sequence next_sequence() const;   // what append() expects next
  // Writes what is queued, then an exact anchor, and closes. Nothing may be called afterwards.
  [[nodiscard]] Status shutdown();

  [[nodiscard]] Head head() const;  // durable
  [[nodiscard]] StoreId store_id() const;
  [[nodiscard]] Result<std::vector<Epoch>> epochs() const;

  // Visits events from `from` on, in order, until the visitor says false or about `max_bytes` were
  // read (at least one block's rest is). Returns where to go on: head + 1 at the end. Views live
  // during the visit only.
  using EventVisitor = std::function<bool(const Frame&)>;
  [[nodiscard]] Result<Sequence> read(Sequence from, std::size_t max_bytes,
                                      const EventVisitor& visit) const;
  // The log's blocks as they are now, whatever is appended, merged or archived while it is held.
  using Snapshot = std::shared_ptr<const BlockView>;
  [[nodiscard]] Snapshot snapshot() const;
  // Visits whole blocks from the one that holds `from` on, until the visitor says false.
  using BlockVisitor = std::function<bool(const Block&)>;
  [[nodiscard]] Status blocks(Sequence from, const BlockVisitor& visit,
                              const Snapshot& snapshot = nullptr) const;
  // The same, but each commit as a block of its own, whatever was merged: the chain's own steps.
  [[nodiscard]] Status commits(Sequence from, const BlockVisitor& visit) const;
  [[nodiscard]] Result<StoredEvent> event(Sequence sequence) const;  // an Error where there is none
  [[nodiscard]] Result<std::vector<Sequence>> stream_events(StreamId stream, StreamVersion from,
                                                            std::size_t limit) const;
  [[nodiscard]] Result<std::vector<Sequence>> events_of_kind(std::uint16_t kind, Sequence from,
                                                             std::size_t limit) const;
  [[nodiscard]] Result<std::vector<Sequence>> events_of_kind_before(std::uint16_t kind,
                                                                    Sequence before,
                                                                    std::size_t limit) const;
  // These events, in the order given; neighbours in one block cost one reading.
  [[nodiscard]] Status visit_events(std::span<const Sequence> sequences,
                                    const EventVisitor& visit) const;
  // How far the stream was when event `at` was the last: 0 before its first.
  [[nodiscard]] Result<StreamVersion> stream_version_at(StreamId stream, Sequence at) const;
  // The first event from which on all can be read: 1, unless an archive's file is missing or is no
  // archive any more. What is before it is an Error to read, which names the file.
  [[nodiscard]] Sequence first_sequence() const;
  [[nodiscard]] Result<std::optional<CommandRecord>> find_command(CommandId id) const;

  using RowVisitor = RowSnapshot::RowVisitor;
  [[nodiscard]] Status rows(std::string_view projection, std::uint32_t version,
                            const RowVisitor& visit) const;
  // The rows whose keys are not before `first_key`.
  [[nodiscard]] Status rows_from(std::string_view projection, std::uint32_t version,
                                 std::string_view first_key, const RowVisitor& visit) const;
  [[nodiscard]] Result<std::optional<std::string>> row(std::string_view projection,
                                                       std::uint32_t version,
                                                       std::string_view key) const;
  // 0 where the projection has none.
  [[nodiscard]] Result<Sequence> checkpoint(std::string_view projection,
                                            std::uint32_t version) const;
  [[nodiscard]] Result<std::vector<Interned>> interned(std::uint8_t table) const;
  [[nodiscard]] std::unique_ptr<RowSnapshot> snapshot_rows() const;
  // The stream that an event was appended to, by the index: for one whose own bytes do not tell. Slow.
  [[nodiscard]] Result<StreamId> stream_of(Sequence sequence) const;

  // Looks at the free space. True: refuse new intents, take only what deletes; the ballast has been
  // let go. It comes back, and this is false again, once there is room for mark and ballast.
  [[nodiscard]] Result<bool> low_water();

  // A consistent copy by hard links into the new directory `target`, beside the running writer.
  [[nodiscard]] Status backup(const std::filesystem::path& target) const;
  [[nodiscard]] Result<VerifyReport> verify(const VerifyProgress& progress) const;
  // Rewrites the database's files, so that erased parts leave the disk too. Takes its time; any
  // thread.
  [[nodiscard]] Status purge_erased() const;

  // Oldest first; looks at each file's header.
  [[nodiscard]] std::vector<ArchiveState> archives() const;
  // What can leave the store of the events before `before`: whole blocks, nothing after `limit`,
  // nothing that the anchor has not reached or that is still to be merged.
  [[nodiscard]] Result<ArchivePlan> plan_archive(Sequence before, Sequence limit) const;
  // Writes the file, reads it back wholly, and gives it its name. The log is as it was until what this
  // gives is appended. Any thread, but one archive or erasure at a time, each up to its append.
  [[nodiscard]] Result<ArchiveChange> write_archive(const ArchivePlan& plan,
                                                    const VerifyProgress& progress) const;
  // For an erasure: the archives that hold one of the events, rewritten; empty where none does. To be
  // appended together with the erasure; purge_erased() then removes the old files.
  [[nodiscard]] Result<std::vector<ArchiveChange>> rewrite_archives(
      std::span<const Sequence> events) const;
  // Gives back the room of blocks that have left the store. Takes its time; any thread.
  [[nodiscard]] Status purge_archived() const;

 private:
  struct Impl;
  explicit EventLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::log
