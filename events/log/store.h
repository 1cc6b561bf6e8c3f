// The RocksDB database under the log: its options, its column families, its errors as ours.
// For this folder's other files only. Every option here is a rule of docs/EVENT_LOG.md; it decides
// nothing about contents.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::log {

// In the order of their names in store.cpp.
enum class Family : std::size_t { kBlocks, kStreams, kCommands, kKinds, kProjections, kMeta };
inline constexpr std::size_t kFamilies = 6;

enum class StoreMode {
  kCreate,  // a database that is not there yet
  kWrite,
  kReadOnly,     // replays the WAL into memory and changes nothing
  kPointInTime,  // on a copy, by repair: everything up to the first damage in the WAL
};

class Store {
 public:
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& path, StoreMode mode,
                                          rocksdb::Env* env = nullptr);
  Store(Store&&) = default;
  Store& operator=(Store&&) = delete;
  ~Store();

  [[nodiscard]] rocksdb::DB& db() const { return *db_; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* family(Family family) const {
    return handles_[static_cast<std::size_t>(family)];
  }
  // Nothing where there is no such key.
  [[nodiscard]] Result<std::optional<std::string>> get(Family family, std::string_view key) const;
  // For going through many entries; reads ahead.
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> scan(Family family,
                                                        const rocksdb::Snapshot* at = nullptr) const;
  // For a few places far apart.
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> look(Family family) const;
  [[nodiscard]] Status write(rocksdb::WriteBatch& batch) const;  // synced
  // Durable with the next synced one; a crash before keeps all of it or nothing.
  [[nodiscard]] Status write_unsynced(rocksdb::WriteBatch& batch) const;
  [[nodiscard]] Status flush() const;                            // every family's memtable
  [[nodiscard]] Status close();

 private:
  Store() = default;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies + 1> handles_{};  // the last is "default"
  std::unique_ptr<rocksdb::DB> db_;
};

// A batch whose entries are checked on their way to the WAL and the memtable.
[[nodiscard]] rocksdb::WriteBatch make_batch();
[[nodiscard]] Error to_error(std::string_view context, const rocksdb::Status& status);
[[nodiscard]] Status check(std::string_view context, const rocksdb::Status& status);

}  // namespace banger::log
