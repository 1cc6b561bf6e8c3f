#include "events/log/verify.h"

#include <cerrno>
#include <optional>

#include "events/log/bytes.h"
#include "events/log/keys.h"
#include "events/log/reader.h"
#include "events/log/verify_store.h"

namespace banger::log {
namespace {

constexpr std::uint64_t kProgressEvents = 65'536;

std::string at(const char* what, std::uint64_t number) {
  return std::string(what) + " " + std::to_string(number);
}

// Every event exactly once in an index.
class Coverage {
 public:
  Coverage(const char* index, Sequence head) : index_(index), seen_(head + 1) {}

  void see(Sequence sequence, VerifyReport& report) {
    if (sequence == 0 || sequence >= seen_.size()) {
      report.problem(at(index_, sequence) + ": there is no such event");
    } else if (seen_[sequence]) {
      report.problem(at(index_, sequence) + ": twice");
    } else {
      seen_[sequence] = true;
      ++count_;
    }
  }

  void finish(VerifyReport& report) const {
    const std::uint64_t missing = seen_.size() - 1 - count_;
    if (missing > 0) report.problem(std::string(index_) + " lacks " + at("events:", missing));
  }

 private:
  const char* index_;
  std::vector<bool> seen_;
  std::uint64_t count_ = 0;
};

// One consistent view, however long the walk takes and whatever is appended meanwhile.
class Walk {
 public:
  Walk(const Store& store, const LogPaths& paths, const VerifyProgress& progress)
      : store_(store), paths_(paths), progress_(progress), snapshot_(store.db().GetSnapshot()) {}
  Walk(const Walk&) = delete;
  ~Walk() { store_.db().ReleaseSnapshot(snapshot_); }

  Result<VerifyReport> run() {
    auto identity = read_identity(store_);
    if (!identity) {
      report_.problem(identity.error().message);
      return report_;
    }
    report_.store = identity->store;
    report_.epoch = identity->epoch.number;
    // A break of the chain makes everything behind it unknown, and the indexes' complaints noise.
    if (walk_archives(identity->head) && walk_blocks(identity->head)) {
      walk_streams();
      walk_kinds();
      walk_commands();
      walk_checkpoints();
    }
    check_files();
    return report_;
  }

 private:
  std::unique_ptr<rocksdb::Iterator> scan(Family family) const {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.readahead_size = 1u << 20;
    options.fill_cache = false;
    options.snapshot = snapshot_;
    return std::unique_ptr<rocksdb::Iterator>(
        store_.db().NewIterator(options, store_.family(family)));
  }

  bool note(const Status& status, const std::string& where) {
    if (!status) report_.problem(where + ": " + status.error().message);
    return status.has_value();
  }

  // Each archive by itself and as what follows on the one before. What is behind a damaged or missing
  // one is held against the chain hash that the store has of it.
  bool walk_archives(Sequence total) {
    report_.chain = genesis_of(report_.store, hasher_);
    const auto records = read_archives(store_, snapshot_);
    if (!records) {
      report_.problem(records.error().message);
      return false;
    }
    for (const ArchiveRecord& record : *records) {
      ++report_.archives;
      const auto file = open_archive(record);
      if (!file) {
        report_.missing_archives += file.error().sys_errno == ENOENT ? 1 : 0;
        report_.problem(file.error().message);
      } else if ((*file)->before() != report_.chain) {
        report_.problem(describe(report_.store, record) + ": does not chain from what is before it");
      } else if (auto whole = (*file)->verify(
                     [&](const Block& block, std::size_t bytes) { count(block, bytes, total); });
                 !whole) {
        report_.problem(whole.error().message);
      }
      report_.head = record.last;
      report_.chain = record.chain;
    }
    return true;
  }

  Result<std::shared_ptr<const ArchiveFile>> open_archive(const ArchiveRecord& record) const {
    auto file = Archive(paths_.archive(), report_.store, record).open();
    if (file) return file;
    // An erasure may have put another file in its place since the snapshot.
    const auto now = store_.get(Family::kMeta, archive_key(record.first));
    const auto current =
        now && *now ? parse_archive(archive_key(record.first), **now) : std::nullopt;
    if (!current || *current == record) return file;
    return Archive(paths_.archive(), report_.store, *current).open();
  }

  void count(const Block& block, std::size_t bytes, Sequence total) {
    report_.head = block.last();
    report_.events += block.frames.size();
    report_.bytes += bytes;
    ++report_.blocks;
    for (const Frame& frame : block.frames) report_.erased_parts += frame.erased() ? 1 : 0;
    if (progress_ && report_.head - told_ >= kProgressEvents) progress_(told_ = report_.head, total);
  }

  bool walk_blocks(Sequence total) {
    Block block;
    auto it = scan(Family::kBlocks);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string where = at("block at event", report_.head + 1);
      if (!note(decode_block(it->value().ToStringView(), block), where)) return false;
      if (it->key().ToStringView() != number_key(block.first) || block.first != report_.head + 1) {
        report_.problem(where + ": found " + at("event", block.first) + " there");
        return false;
      }
      if (block.previous != report_.chain) {
        report_.problem(where + ": does not chain from the block before it");
        return false;
      }
      if (!note(check_chain(block, hasher_), where)) return false;
      report_.chain = block.chain;
      count(block, it->value().size(), total);
    }
    if (progress_) progress_(report_.head, std::max(total, report_.head));
    return note(check("events", it->status()), "events");
  }

  void walk_streams() {
    Coverage coverage("stream index", report_.head);
    StreamKey last;
    auto it = scan(Family::kStreams);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const auto key = parse_stream_key(it->key().ToStringView());
      const auto sequence = parse_number(it->value().ToStringView());
      if (!key || !sequence) {
        report_.problem("stream index: an entry that cannot be read");
        continue;
      }
      const bool same = last.version > 0 && key->stream == last.stream;
      report_.streams += same ? 0 : 1;
      if (key->version != (same ? last.version + 1 : 1)) {
        report_.problem(at("stream index", *sequence) + ": a gap in the versions of its stream");
      }
      last = *key;
      coverage.see(*sequence, report_);
    }
    note(check("stream index", it->status()), "stream index");
    coverage.finish(report_);
  }

  void walk_kinds() {
    Coverage coverage("kind index", report_.head);
    auto it = scan(Family::kKinds);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const auto entry = parse_kind(it->key().ToStringView(), it->value().ToStringView());
      for (const Sequence sequence : entry.value_or(std::vector<Sequence>{0})) {
        coverage.see(sequence, report_);
      }
    }
    note(check("kind index", it->status()), "kind index");
    coverage.finish(report_);
  }

  void walk_commands() {
    auto it = scan(Family::kCommands);
    for (it->SeekToFirst(); it->Valid(); it->Next(), ++report_.commands) {
      const auto record = parse_command(it->key().ToStringView(), it->value().ToStringView());
      if (!record) {
        report_.problem("a command record that cannot be read");
      } else if (record->event_count > 0 &&
                 (record->first_sequence == 0 || record->first_sequence > report_.head ||
                  report_.head - record->first_sequence + 1 < record->event_count)) {
        report_.problem("command " + record->id.hex() + ": its events are not there");
      }
    }
    note(check("commands", it->status()), "commands");
  }

  void walk_checkpoints() {
    const auto checkpoints = read_checkpoints(store_, snapshot_);
    if (!checkpoints) return report_.problem(checkpoints.error().message);
    for (const auto& [projection, sequence] : *checkpoints) {
      if (sequence <= report_.head) continue;
      report_.problem("projection " + projection.first + ": its checkpoint is not in the log");
    }
  }

  void check_files() {
    note(check("files", store_.db().VerifyFileChecksums({})), "database");
    note(check("files", store_.db().VerifyChecksum()), "database");
  }

  const Store& store_;
  const LogPaths& paths_;
  const VerifyProgress& progress_;
  const rocksdb::Snapshot* snapshot_;
  Hasher hasher_;
  VerifyReport report_;
  Sequence told_ = 0;
};

}  // namespace

Result<VerifyReport> walk_store(const Store& store, const LogPaths& paths,
                                const VerifyProgress& progress) {
  return Walk(store, paths, progress).run();
}

Result<VerifyReport> verify_store(const Store& store, const LogPaths& paths,
                                  const VerifyProgress& progress) {
  // The anchor first: beside a running writer the head only grows meanwhile.
  auto anchor = AnchorFile::open(paths, false);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  auto report = walk_store(store, paths, progress);
  if (!report) return report;
  report->anchor = anchor->newest();
  if (auto identity = read_identity(store)) {
    if (auto anchored = check_anchor(store, *identity, report->anchor); !anchored) {
      report->problem(anchored.error().message);
    }
  }
  return report;
}

Result<VerifyReport> verify_log(const LogPaths& paths, const VerifyProgress& progress) {
  auto lock = lock_log(paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  if (store) return verify_store(*store, paths, progress);
  VerifyReport report;
  report.problem(store.error().message);
  return report;
}

}  // namespace banger::log
