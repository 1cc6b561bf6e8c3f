#include "events/log/create.h"

#include <sys/random.h>

#include <cerrno>

#include "events/log/keys.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

Result<StoreId> random_store_id() {
  StoreId id;
  while (!id) {
    if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id)) {
      return fail_errno("getrandom", errno);
    }
  }
  return id;
}

Status put_meta(const Store& store, std::string_view key, std::string_view value) {
  rocksdb::WriteBatch batch = make_batch();
  BANGER_TRY(check("write the log", batch.Put(store.family(Family::kMeta), key, value)));
  return store.write(batch);
}

// Of format 1: name, 0, version, 'c'.
bool is_old_checkpoint(std::string_view key) {
  const std::size_t name_end = key.find('\0');
  return name_end != 0 && name_end != std::string_view::npos &&
         key.size() == name_end + 1 + sizeof(std::uint32_t) + 1 && key.back() == 'c';
}

}  // namespace

Status create_store(const LogPaths& paths, const std::optional<StoreId>& id, AnchorFile& anchor) {
  Result<StoreId> chosen = id ? Result<StoreId>(*id) : random_store_id();
  if (!chosen) return std::unexpected(std::move(chosen).error());
  const fs::path aside = paths.path / "db.new";
  std::error_code failed;
  fs::remove_all(aside, failed);  // of an earlier try
  if (failed) return fail("remove " + aside.string() + ": " + failed.message(), failed.value());
  {
    auto store = Store::open(aside, StoreMode::kCreate);
    if (!store) return std::unexpected(std::move(store).error());
    BANGER_TRY(begin_store(*store, *chosen, {.number = 1, .reason = EpochReason::kCreated}));
    auto identity = read_identity(*store);
    if (!identity) return std::unexpected(std::move(identity).error());
    BANGER_TRY(anchor.write(anchor_of(*identity)));
    BANGER_TRY(store->close());
  }
  return rename_durably(aside, paths.db());
}

Status begin_store(const Store& store, StoreId id, const Epoch& epoch) {
  BANGER_TRY(put_meta(store, kMetaFormat, format_value(kLogFormat)));
  BANGER_TRY(put_meta(store, kMetaStore, store_id_value(id)));
  return begin_epoch(store, epoch);
}

Status raise_format(const Store& store) {
  const auto format = store.get(Family::kMeta, kMetaFormat);
  if (!format) return std::unexpected(format.error());
  if (*format != format_value(1)) return {};
  rocksdb::WriteBatch batch = make_batch();
  auto it = store.scan(Family::kProjections);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (!is_old_checkpoint(it->key().ToStringView())) continue;
    BANGER_TRY(check("write the log", batch.Delete(store.family(Family::kProjections), it->key())));
  }
  BANGER_TRY(check("read the log", it->status()));
  BANGER_TRY(check("write the log",
                   batch.Put(store.family(Family::kMeta), kMetaFormat, format_value(kLogFormat))));
  return store.write(batch);
}

Status begin_epoch(const Store& store, const Epoch& epoch) {
  return put_meta(store, epoch_key(epoch.number), epoch_value(epoch));
}

}  // namespace banger::log
