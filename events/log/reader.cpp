#include "events/log/reader.h"

#include "events/log/bytes.h"
#include "events/log/keys.h"

namespace banger::log {
namespace {

Status check_format(const Store& store) {
  auto value = store.get(Family::kMeta, kMetaFormat);
  if (!value) return std::unexpected(std::move(value).error());
  if (!*value)
    return fail("the database has no log format: it is not a log, or has lost its start");
  Reader reader(**value);
  const auto format = reader.be<std::uint32_t>();
  if (!reader.ok()) return fail("the log's format cannot be read");
  if (format >= 1 && format <= kArchivedLogFormat) return {};
  return fail("the log has format " + std::to_string(format) + ", and this program knows " +
              std::to_string(kArchivedLogFormat) + ": start a newer banger");
}

std::string shorten(const Digest& digest) {
  return to_hex(digest).substr(0, 16);
}

}  // namespace

Result<std::vector<Epoch>> read_epochs(const Store& store) {
  std::vector<Epoch> epochs;
  auto it = store.scan(Family::kMeta);
  for (it->Seek(kEpochPrefix); it->Valid() && it->key().starts_with(kEpochPrefix); it->Next()) {
    auto epoch = parse_epoch(it->key().ToStringView(), it->value().ToStringView());
    if (!epoch) return fail("an epoch of the log cannot be read");
    epochs.push_back(*epoch);
  }
  BANGER_TRY(check("read the log", it->status()));
  return epochs;
}

Result<Identity> read_identity(const Store& store) {
  BANGER_TRY(check_format(store));
  Identity identity;
  auto id = store.get(Family::kMeta, kMetaStore);
  if (!id) return std::unexpected(std::move(id).error());
  const auto parsed = *id ? parse_store_id(**id) : std::nullopt;
  if (!parsed) return fail("the log has no store id");
  identity.store = *parsed;
  auto epochs = read_epochs(store);
  if (!epochs) return std::unexpected(std::move(epochs).error());
  if (epochs->empty()) return fail("the log has no epoch");
  identity.epoch = epochs->back();

  Hasher hasher;
  identity.chain = genesis_of(identity.store, hasher);
  auto it = store.scan(Family::kBlocks);
  it->SeekToLast();
  if (it->Valid()) {
    Block block;
    BANGER_TRY(decode_block(it->value().ToStringView(), block));
    BANGER_TRY(check_chain(block, hasher));
    if (number_key(block.first) != it->key().ToStringView()) return fail("a block at a wrong key");
    identity.head = block.last();
    identity.chain = block.chain;
  }
  BANGER_TRY(check("read the log", it->status()));
  return identity;
}

Status check_anchor(const Store& store, const Identity& identity,
                    const std::optional<Anchor>& anchor) {
  if (!anchor) {
    return fail(
        "the head anchor is missing or damaged, so nothing tells whether the log is whole: "
        "see `banger-log repair`");
  }
  if (anchor->store != identity.store) {
    return fail("the log is of store " + identity.store.hex() + ", the head anchor of store " +
                anchor->store.hex());
  }
  // A restore or repair writes the store's epoch first and the anchor last.
  if (identity.epoch.number > anchor->epoch) return {};
  if (identity.epoch.number < anchor->epoch) {
    return fail("the log is of epoch " + std::to_string(identity.epoch.number) +
                ", the head anchor of the later epoch " + std::to_string(anchor->epoch) +
                ": an old copy is in the log's place");
  }
  if (identity.head < anchor->sequence) {
    return fail("the log ends at event " + std::to_string(identity.head) + ", but event " +
                std::to_string(anchor->sequence) +
                " was synced: events are lost; see `banger-log repair`");
  }
  Digest chain = identity.chain;
  if (anchor->sequence == 0) {
    Hasher hasher;
    chain = genesis_of(identity.store, hasher);
  } else if (anchor->sequence != identity.head) {
    auto bytes = find_block(store, anchor->sequence);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    Block block;
    BANGER_TRY(decode_block(*bytes, block));
    Hasher hasher;
    BANGER_TRY(check_chain(block, hasher));
    const auto anchored = chain_after(block, anchor->sequence, hasher);
    if (!anchored) return fail("the log is another one: anchored " + anchored.error().message);
    chain = *anchored;
  }
  if (chain == anchor->chain) return {};
  return fail("the chain hash at event " + std::to_string(anchor->sequence) + " is " +
              shorten(chain) + ", and was " + shorten(anchor->chain) +
              " when it was anchored: the log was changed");
}

Anchor anchor_of(const Identity& identity) {
  return {identity.store, identity.epoch.number, identity.head, identity.chain};
}

Result<Checkpoints> read_checkpoints(const Store& store, const rocksdb::Snapshot* at) {
  rocksdb::ReadOptions options;
  options.snapshot = at;
  std::string value;
  const rocksdb::Status got = store.db().Get(options, store.family(Family::kProjections),
                                             std::string(kCheckpointsKey), &value);
  if (got.IsNotFound()) return Checkpoints{};
  BANGER_TRY(check("read the log", got));
  auto checkpoints = parse_checkpoints(value);
  if (!checkpoints) return fail("the projections' checkpoints cannot be read");
  return *std::move(checkpoints);
}

Sequence checkpoint_of(const Checkpoints& checkpoints, std::string_view projection,
                       std::uint32_t version) {
  const auto found = checkpoints.find({std::string(projection), version});
  return found == checkpoints.end() ? 0 : found->second;
}

Result<std::string> find_block(const Store& store, Sequence sequence) {
  auto it = store.look(Family::kBlocks);
  it->SeekForPrev(number_key(sequence));
  BANGER_TRY(check("read the log", it->status()));
  if (!it->Valid()) return fail("no block holds event " + std::to_string(sequence));
  return it->value().ToString();
}

Result<StreamVersion> last_version(const Store& store, StreamId stream) {
  auto it = store.look(Family::kStreams);
  it->SeekForPrev(stream_key(stream, UINT64_MAX));
  BANGER_TRY(check("read the log", it->status()));
  if (!it->Valid()) return StreamVersion{0};
  const auto key = parse_stream_key(it->key().ToStringView());
  if (!key) return fail("a key of the stream index cannot be read");
  return key->stream == stream ? key->version : StreamVersion{0};
}

}  // namespace banger::log
