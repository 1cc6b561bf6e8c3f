#include "events/log/import.h"

#include "events/bundle/reader.h"
#include "events/log/create.h"
#include "events/log/keys.h"
#include "events/log/replace.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBatchBytes = 4u << 20;

// The bundles as one log: what they have in common, and that each goes on where the one before ended.
struct Joined {
  StoreId store;
  std::uint64_t epoch = 0;
  Sequence last = 0;
  Digest chain{};

  Status add(const std::string& file) {
    Digest end = chain;
    bool first_block = true;
    auto summary = bundle::read_bundle_file(file, [&](const bundle::Item& item) -> Status {
      if (const auto* missing = std::get_if<bundle::Missing>(&item)) {
        return fail("of event " + std::to_string(missing->sequence) +
                    " it has the digest only: an import needs every event from the first on");
      }
      const auto* block = std::get_if<bundle::BlockHead>(&item);
      if (!block) return {};
      if (std::exchange(first_block, false)) {
        if (block->first != last + 1) {
          return fail("it begins at event " + std::to_string(block->first) + ", and event " +
                      std::to_string(last + 1) + " is needed");
        }
        if (last > 0 && block->previous != chain) return fail("it is of another history than the bundle before it");
      }
      end = block->chain;
      return {};
    });
    if (!summary) return std::unexpected(summary.error());
    if (!summary->whole()) return fail(file + ": it has gaps");
    if (store && summary->head.store != store) return fail(file + ": it is of another store");
    store = summary->head.store;
    epoch = std::max(epoch, summary->head.epoch);
    last = summary->last;
    chain = end;
    return {};
  }
};

class Importer {
 public:
  Importer(const Store& store, const Indexer& index, Sequence total, const VerifyProgress& progress)
      : store_(store), index_(index), total_(total), progress_(progress) {}

  Status take(const bundle::Item& item) {
    if (const auto* entry = std::get_if<InternedEntry>(&item)) {
      put(Family::kMeta, interned_key(static_cast<std::uint8_t>(entry->table), entry->number), entry->bytes);
    } else if (const auto* event = std::get_if<bundle::Event>(&item)) {
      parts_.push_back({std::string(event->frame.public_bytes), event->frame.part,
                        std::string(event->frame.part_bytes)});
    } else if (const auto* end = std::get_if<bundle::BlockEnd>(&item)) {
      return put_block(end->block);
    }
    return {};
  }

  Status flush() {
    BANGER_TRY(store_.write(batch_));
    batch_ = make_batch();
    return {};
  }

 private:
  struct Part {
    std::string open;
    PersonalPart part;
    std::string personal;
  };

  void put(Family family, std::string_view key, std::string_view value) {
    static_cast<void>(batch_.Put(store_.family(family), key, value));  // in memory: fails only if used wrongly
  }

  Status put_block(const bundle::BlockHead& block) {
    std::vector<Frame> frames;
    std::map<std::uint16_t, std::vector<Sequence>> kinds;
    for (const Part& part : parts_) {
      const Sequence sequence = block.first + frames.size();
      frames.push_back({sequence, part.open, part.part, part.personal});
      auto place = index_(part.open);
      if (!place) return with_context("event " + std::to_string(sequence), place.error());
      put(Family::kStreams, stream_key(place->stream, place->version), number_key(sequence));
      kinds[place->kind].push_back(sequence);
    }
    for (const auto& [kind, sequences] : kinds) {
      put(Family::kKinds, kind_key(kind, sequences.front()), kind_value(sequences));
    }
    if (frames.size() > kMaxBlockFrames) return fail("a block of more events than any log writes");
    const EncodedBlock encoded = encode_block(block.previous, frames, hasher_);
    if (encoded.chain != block.chain) return fail("a block that changed on its way");
    put(Family::kBlocks, number_key(block.first), encoded.bytes);
    parts_.clear();
    progress_(block.first + block.count - 1, total_);
    return batch_.GetDataSize() > kBatchBytes ? flush() : Status{};
  }

  const Store& store_;
  const Indexer& index_;
  Sequence total_;
  const VerifyProgress& progress_;
  Hasher hasher_;
  rocksdb::WriteBatch batch_ = make_batch();
  std::vector<Part> parts_;
};

// An import never adds to a log, and never replaces one.
Status check_empty(const LogPaths& paths, const AnchorFile& anchor) {
  const std::string only = ": an import is for an empty data directory";
  if (anchor.newest() && anchor.newest()->sequence > 0) {
    return fail("there was a log already, of " + std::to_string(anchor.newest()->sequence) + " events" + only);
  }
  std::error_code ignored;
  if (!fs::exists(paths.db(), ignored)) return {};
  auto store = Store::open(paths.db(), StoreMode::kReadOnly);
  if (!store) return std::unexpected(std::move(store).error());
  auto identity = read_identity(*store);
  if (!identity) return std::unexpected(std::move(identity).error());
  if (identity->head == 0) return {};
  return fail("the log has " + std::to_string(identity->head) + " events" + only);
}

}  // namespace

Result<Replaced> import_bundles(const std::vector<std::string>& files, const LogPaths& paths, const Indexer& index,
                                const VerifyProgress& progress) {
  BANGER_TRY(make_private_dir(paths.path));
  BANGER_TRY(make_private_dir(paths.anchor_dir));
  auto lock = lock_log(paths);
  if (!lock) return std::unexpected(std::move(lock).error());
  auto anchor = AnchorFile::open(paths, true);
  if (!anchor) return std::unexpected(std::move(anchor).error());
  BANGER_TRY(check_empty(paths, *anchor));
  Joined joined;
  for (const std::string& file : files) BANGER_TRY(joined.add(file));

  const fs::path made = paths.path / "db.importing";
  std::error_code failed;
  fs::remove_all(made, failed);  // of an earlier try
  if (failed) return fail("remove " + made.string() + ": " + failed.message(), failed.value());
  auto store = Store::open(made, StoreMode::kCreate);
  if (!store) return std::unexpected(std::move(store).error());
  BANGER_TRY(begin_store(*store, joined.store, {.number = joined.epoch, .reason = EpochReason::kCreated}));
  Importer importer(*store, index, joined.last, progress);
  for (const std::string& file : files) {
    auto read = bundle::read_bundle_file(file, [&](const bundle::Item& item) { return importer.take(item); });
    if (!read) return std::unexpected(std::move(read).error());
  }
  BANGER_TRY(importer.flush());
  return put_in_place(std::move(*store), made, paths, EpochReason::kRestored, *anchor);
}

}  // namespace banger::log
