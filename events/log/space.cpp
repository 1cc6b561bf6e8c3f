#include "events/log/space.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "events/log/files.h"

namespace banger::log {
namespace fs = std::filesystem;

Result<bool> Space::low() {
  struct statvfs about{};
  if (::statvfs(dir_.c_str(), &about) != 0) return fail_errno("statvfs " + dir_.string(), errno);
  const std::uint64_t free_bytes = std::uint64_t{about.f_bavail} * about.f_frsize;
  const fs::path ballast = dir_ / "ballast";
  std::error_code missing;
  const bool held = fs::file_size(ballast, missing) == ballast_ && !missing;
  if (held) {
    if (free_bytes >= mark_) return false;
    if (::unlink(ballast.c_str()) != 0) return fail_errno("unlink " + ballast.string(), errno);
    return true;
  }
  if (free_bytes < mark_ + ballast_) return true;
  BANGER_TRY(make_ballast());
  return false;
}

Status Space::make_ballast() {
  const fs::path ballast = dir_ / "ballast";
  Fd fd(::open(ballast.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("open " + ballast.string(), errno);
  const int failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(ballast_));
  if (failed != 0) return fail_errno("allocate " + ballast.string(), failed);
  return {};
}

}  // namespace banger::log
