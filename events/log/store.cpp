#include "events/log/store.h"

#include <rocksdb/cache.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <cerrno>
#include <cstdarg>
#include <memory>
#include <utility>
#include <vector>

#include "events/log/keys.h"

namespace banger::log {
namespace {

constexpr std::array<const char*, kFamilies> kNames{"ev", "st", "cmd", "kind", "prj", "meta"};
constexpr std::size_t kProtectionBytes = 8;
constexpr std::size_t kScanReadahead = 1u << 20;
// All that is kept in memory of what was read, the files' own indexes and filters included: those grow with the log, and
// this process must not. What falls out of it is in the page cache.
constexpr std::size_t kCacheBytes = 16u << 20;

// RocksDB's own log of what it does goes nowhere: once a line of it could not be written, because the disk is full, its writer takes
// the next one for a mistake and aborts. What fails is told by each call's Status.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions db_options(StoreMode mode, rocksdb::Env* env) {
  rocksdb::DBOptions options;
  if (env != nullptr) options.env = env;
  options.create_if_missing = mode == StoreMode::kCreate;
  options.create_missing_column_families = mode == StoreMode::kCreate;
  options.error_if_exists = mode == StoreMode::kCreate;
  options.wal_recovery_mode = mode == StoreMode::kPointInTime
                                  ? rocksdb::WALRecoveryMode::kPointInTimeRecovery
                                  : rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.paranoid_checks = true;
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  // What recovery must replay is bounded: a large WAL makes opening take seconds. Not smaller: the
  // indexes' keys are random, and each flush of them is one more for compaction to merge.
  options.max_total_wal_size = 24u << 20;
  options.db_write_buffer_size = 16u << 20;
  options.allow_concurrent_memtable_write = false;  // there is one writer
  // No second try behind our back: after a failed write this process ends.
  options.max_bgerror_resume_count = 0;
  options.max_background_jobs = 2;
  options.max_open_files = 512;
  options.info_log = std::make_shared<NoLog>();
  return options;
}

rocksdb::ColumnFamilyOptions family_options(std::string_view name, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kZSTD;  // what is old is read seldom
  options.write_buffer_size = 16u << 20;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;  // in pieces: one look needs few of them
  table.partition_filters = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // A memtable finds the place of a new key by comparing its way down a list, and most of a commit's time goes there. A stream's
  // next version, a kind's next events and a row's next value belong beside the last one: that place is remembered.
  const auto beside_the_last = [&options](const rocksdb::SliceTransform* of_the_same) {
    options.memtable_insert_with_hint_prefix_extractor.reset(of_the_same);
  };
  if (name == "st") beside_the_last(rocksdb::NewFixedPrefixTransform(stream_prefix({}).size()));
  if (name == "kind") beside_the_last(rocksdb::NewFixedPrefixTransform(kind_prefix(0).size()));
  if (name == "prj") beside_the_last(rocksdb::NewNoopTransform());
  if (name == "cmd") {  // every command's id is looked for, and nearly always in vain
    options.memtable_prefix_bloom_size_ratio = 0.05;
    options.memtable_whole_key_filtering = true;
  }
  return options;
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& path, StoreMode mode, rocksdb::Env* env) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.reserve(kFamilies + 1);
  const auto cache = rocksdb::NewLRUCache(kCacheBytes);
  for (const char* name : kNames) families.emplace_back(name, family_options(name, cache));
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options({}, cache));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::DBOptions options = db_options(mode, env);
  const rocksdb::Status opened =
      mode == StoreMode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(options, path.string(), families, &handles, &db)
          : rocksdb::DB::Open(options, path.string(), families, &handles, &db);
  if (!opened.ok()) {
    return std::unexpected(to_error("open the database " + path.string(), opened));
  }
  Store store;
  store.db_.reset(db);
  std::copy(handles.begin(), handles.end(), store.handles_.begin());
  return store;
}

Store::~Store() {
  // A failed close has nobody left to tell; whoever cares calls close().
  static_cast<void>(close());
}

Status Store::close() {
  if (!db_) return {};
  for (auto*& handle : handles_) {
    static_cast<void>(db_->DestroyColumnFamilyHandle(std::exchange(handle, nullptr)));
  }
  const rocksdb::Status closed = db_->Close();
  db_.reset();
  return check("close the database", closed);
}

Result<std::optional<std::string>> Store::get(Family which, std::string_view key) const {
  std::string value;
  const rocksdb::Status got = db_->Get({}, family(which), key, &value);
  if (got.IsNotFound()) return std::nullopt;
  if (!got.ok()) return std::unexpected(to_error("read the log", got));
  return value;
}

std::unique_ptr<rocksdb::Iterator> Store::scan(Family which,
                                               const rocksdb::Snapshot* at) const {
  rocksdb::ReadOptions options;
  options.total_order_seek = true;
  options.readahead_size = kScanReadahead;
  options.snapshot = at;
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family(which)));
}

std::unique_ptr<rocksdb::Iterator> Store::look(Family which) const {
  rocksdb::ReadOptions options;
  options.total_order_seek = true;
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family(which)));
}

Status Store::write(rocksdb::WriteBatch& batch) const {
  rocksdb::WriteOptions options;
  options.sync = true;
  return check("append to the log", db_->Write(options, &batch));
}

Status Store::write_unsynced(rocksdb::WriteBatch& batch) const {
  return check("append to the log", db_->Write({}, &batch));
}

Status Store::flush() const {
  return check("flush the log", db_->Flush({}, {handles_.begin(), handles_.end()}));
}

rocksdb::WriteBatch make_batch() {
  return rocksdb::WriteBatch(0, 0, kProtectionBytes, 0);
}

Error to_error(std::string_view context, const rocksdb::Status& status) {
  int reason = 0;
  if (status.IsNoSpace()) {
    reason = ENOSPC;
  } else if (status.IsIOError() || status.IsCorruption()) {
    reason = EIO;
  }
  return {std::string(context) + ": " + status.ToString(), reason};
}

Status check(std::string_view context, const rocksdb::Status& status) {
  if (status.ok()) return {};
  return std::unexpected(to_error(context, status));
}

}  // namespace banger::log
