#include "events/log/archives.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "events/assert.h"
#include "events/log/keys.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

Status remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno("remove " + path.string(), errno);
}

Status link_or_copy(const fs::path& from, const fs::path& to) {
  const fs::path made = unfinished_of(to);
  BANGER_TRY(remove_file(made));
  if (::link(from.c_str(), made.c_str()) != 0) {
    std::error_code failed;
    fs::copy_file(from, made, failed);
    if (failed) {
      return fail("copy " + from.string() + " to " + made.string() + ": " + failed.message(),
                  failed.value());
    }
    const Fd fd(::open(made.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return fail_errno("sync " + made.string(), errno);
  }
  return rename_durably(made, to);
}

// Whether a database that was replaced is still there: it may need what this one does not.
bool has_kept_aside(const fs::path& log) {
  std::error_code failed;
  for (fs::directory_iterator it(log, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().filename().string().starts_with("db.before-epoch-")) return true;
  }
  return static_cast<bool>(failed);
}

}  // namespace

fs::path next_of(const fs::path& archive) {
  return archive.string() + ".next";
}

fs::path unfinished_of(const fs::path& archive) {
  return archive.string() + ".writing";
}

Result<std::pair<fs::path, std::shared_ptr<const ArchiveFile>>> Archive::look() const {
  const fs::path path = directory_ / name();
  auto file = ArchiveFile::open(path, store_, record_);
  fs::path found = path;
  if (!file) {
    auto next = ArchiveFile::open(next_of(path), store_, record_);
    if (!next) return std::unexpected(file.error());
    file = std::move(next);
    found = next_of(path);
  }
  return std::pair{found, std::make_shared<const ArchiveFile>(*std::move(file))};
}

Result<std::shared_ptr<const ArchiveFile>> Archive::open() const {
  const std::scoped_lock lock(mutex_);
  if (auto opened = opened_.lock()) return opened;
  auto found = look();
  if (!found) return std::unexpected(std::move(found).error());
  opened_ = found->second;
  return found->second;
}

Result<fs::path> Archive::path() const {
  auto found = look();
  if (!found) return std::unexpected(std::move(found).error());
  return found->first;
}

void Archive::pin() const {
  auto opened = open();
  if (!opened) return;  // nobody could read it before either
  const std::scoped_lock lock(mutex_);
  pinned_ = *std::move(opened);
}

Archives::Archives(fs::path directory, StoreId store, const std::vector<ArchiveRecord>& records)
    : directory_(std::move(directory)), store_(store) {
  ArchiveList list;
  for (const ArchiveRecord& record : records) {
    list.push_back(std::make_shared<const Archive>(directory_, store_, record));
  }
  list_ = std::make_shared<const ArchiveList>(std::move(list));
}

std::shared_ptr<const ArchiveList> Archives::list() const {
  const std::scoped_lock lock(mutex_);
  return list_;
}

void Archives::publish(const ArchiveRecord& record) {
  ArchiveList list = *this->list();  // only the writer's thread changes it
  auto fresh = std::make_shared<const Archive>(directory_, store_, record);
  const auto old = std::ranges::find_if(
      list, [&](const auto& each) { return each->record().first == record.first; });
  if (old == list.end()) {
    BANGER_ASSERT(record.first == (list.empty() ? 1 : list.back()->record().last + 1));
    list.push_back(std::move(fresh));
  } else {
    (*old)->pin();
    *old = std::move(fresh);
  }
  const std::scoped_lock lock(mutex_);
  list_ = std::make_shared<const ArchiveList>(std::move(list));
}

std::vector<ArchiveState> states_of(const ArchiveList& list) {
  std::vector<ArchiveState> states;
  for (const auto& archive : list) {
    const auto opened = archive->open();
    states.push_back({.record = archive->record(),
                      .name = archive->name(),
                      .problem = opened ? std::string() : opened.error().message});
  }
  return states;
}

Result<std::vector<ArchiveRecord>> read_archives(const Store& store, const rocksdb::Snapshot* at) {
  std::vector<ArchiveRecord> records;
  auto it = store.scan(Family::kMeta, at);
  for (it->Seek(kArchivePrefix); it->Valid() && it->key().starts_with(kArchivePrefix); it->Next()) {
    const auto record = parse_archive(it->key().ToStringView(), it->value().ToStringView());
    if (!record) return fail("the record of an archive cannot be read");
    if (record->first != (records.empty() ? 1 : records.back().last + 1)) {
      return fail("the record of the archive before event " + std::to_string(record->first) +
                  " is missing");
    }
    records.push_back(*record);
  }
  BANGER_TRY(check("read the log", it->status()));
  return records;
}

Status tidy_archives(const LogPaths& paths, StoreId store, const ArchiveList& list) {
  std::error_code failed;
  if (!fs::exists(paths.archive(), failed)) return {};
  for (const auto& archive : list) {
    const fs::path name = paths.archive() / archive->name();
    const auto found = archive->path();
    if (found && *found == next_of(name)) BANGER_TRY(rename_durably(*found, name));
  }
  std::set<std::string> recorded;
  for (const auto& archive : list) recorded.insert(archive->name());
  const bool kept_aside = has_kept_aside(paths.path);
  std::vector<fs::path> surplus;
  for (fs::directory_iterator it(paths.archive(), failed), end; !failed && it != end;
       it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(store.hex() + "-")) continue;  // somebody else's
    const std::string extension = it->path().extension().string();
    const bool passing = extension == ".next" || extension == ".writing";
    const bool orphan = extension == ".archive" && !recorded.contains(name) && !kept_aside;
    if (passing || orphan) surplus.push_back(it->path());
  }
  if (failed) return fail("list " + paths.archive().string() + ": " + failed.message(), failed.value());
  for (const fs::path& path : surplus) BANGER_TRY(remove_file(path));
  return {};
}

Status copy_archives(const ArchiveList& list, const fs::path& directory) {
  for (const auto& archive : list) {
    const auto from = archive->path();
    if (!from && from.error().sys_errno == ENOENT) continue;
    if (!from) return std::unexpected(from.error());
    BANGER_TRY(make_private_dir(directory));
    const Archive there(directory, archive->store(), archive->record());
    if (there.path()) continue;
    const fs::path to = directory / archive->name();
    std::error_code ignored;
    BANGER_TRY(link_or_copy(*from, fs::exists(to, ignored) ? next_of(to) : to));
  }
  return {};
}

}  // namespace banger::log
