// Which archives a log has, and where their files are. EventLog owns the list, its writer changes it,
// everything that reads blocks looks at it. A file is opened only while somebody reads it, so that one
// that was moved away and put back is found again. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "events/log/archive_file.h"
#include "events/log/event_log.h"
#include "events/log/store.h"

namespace banger::log {

// One that the store has recorded.
class Archive {
 public:
  Archive(std::filesystem::path directory, StoreId store, const ArchiveRecord& record)
      : directory_(std::move(directory)), store_(store), record_(record) {}

  [[nodiscard]] const ArchiveRecord& record() const { return record_; }
  [[nodiscard]] StoreId store() const { return store_; }
  [[nodiscard]] std::string name() const { return archive_name(store_, record_); }
  // The file that the record is of. Where an erasure was cut short that is the one that was to get
  // the name.
  [[nodiscard]] Result<std::shared_ptr<const ArchiveFile>> open() const;
  // Whose file it is that open() opens.
  [[nodiscard]] Result<std::filesystem::path> path() const;
  // Keeps the file readable for those who hold this record, although another is to replace it.
  void pin() const;

 private:
  [[nodiscard]] Result<std::pair<std::filesystem::path, std::shared_ptr<const ArchiveFile>>> look() const;

  std::filesystem::path directory_;
  StoreId store_;
  ArchiveRecord record_;
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const ArchiveFile> opened_;
  mutable std::shared_ptr<const ArchiveFile> pinned_;
};

using ArchiveList = std::vector<std::shared_ptr<const Archive>>;  // oldest first, without gaps

class Archives {
 public:
  Archives(std::filesystem::path directory, StoreId store, const std::vector<ArchiveRecord>& records);

  [[nodiscard]] std::shared_ptr<const ArchiveList> list() const;
  // A new archive, or another record of one. Before the batch that makes it so: whoever takes a
  // snapshot of the store, then the list, must find every event in one of the two.
  void publish(const ArchiveRecord& record);

 private:
  const std::filesystem::path directory_;
  const StoreId store_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ArchiveList> list_;
};

[[nodiscard]] std::vector<ArchiveState> states_of(const ArchiveList& list);

// As the store has them now, or at the snapshot. An Error where they do not follow on each other.
[[nodiscard]] Result<std::vector<ArchiveRecord>> read_archives(const Store& store,
                                                               const rocksdb::Snapshot* at = nullptr);

// A complete file that gets the archive's name once the store has recorded it, and one being written.
[[nodiscard]] std::filesystem::path next_of(const std::filesystem::path& archive);
[[nodiscard]] std::filesystem::path unfinished_of(const std::filesystem::path& archive);

// What a crash or an erasure left in the directory: files that the store has recorded since get their
// names, the others go. Archives that are recorded nowhere go only where no earlier database is kept
// aside that may speak of them. Only while nothing is being archived.
[[nodiscard]] Status tidy_archives(const LogPaths& paths, StoreId store, const ArchiveList& list);

// Links or copies each archive that there is into another directory, under its name, or, where that is
// taken by another version of it, as the next_of it. Missing ones are left out.
[[nodiscard]] Status copy_archives(const ArchiveList& list, const std::filesystem::path& directory);

}  // namespace banger::log
