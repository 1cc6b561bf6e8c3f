#include "cli/common/directory.h"

#include <dirent.h>
#include <fts.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>

namespace banger::cli {

Result<std::vector<std::string>> names_in(const std::string& dir) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(dir.c_str()), ::closedir);
  if (!open) return fail_errno("look into " + dir, errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

void Usage::add(const Usage& other) {
  apparent_bytes += other.apparent_bytes;
  disk_bytes += other.disk_bytes;
  files += other.files;
}

Usage usage_of(const std::string& path) {
  Usage usage;
  std::string root = path;
  char* roots[] = {root.data(), nullptr};
  const std::unique_ptr<FTS, int (*)(FTS*)> walk(
      ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr), ::fts_close);
  if (!walk) return usage;
  std::set<ino_t> seen;  // of those with several names; FTS_XDEV: one file system
  while (const FTSENT* entry = ::fts_read(walk.get())) {
    const bool counts = entry->fts_info == FTS_F || entry->fts_info == FTS_SL ||
                        entry->fts_info == FTS_SLNONE || entry->fts_info == FTS_DEFAULT ||
                        entry->fts_info == FTS_D;
    if (!counts) continue;
    const struct stat& info = *entry->fts_statp;
    const bool directory = entry->fts_info == FTS_D;
    if (!directory && info.st_nlink > 1 && !seen.insert(info.st_ino).second) continue;
    usage.disk_bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    if (directory) continue;
    usage.apparent_bytes += static_cast<std::uint64_t>(info.st_size);
    ++usage.files;
  }
  return usage;
}

}  // namespace banger::cli
