#include "drivers/host/durable.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

namespace banger::host {

std::string parent_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_path(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open " + path, errno);
  int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return fail_errno("sync " + path, error);
  return {};
}

Status rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return fail_errno("rename " + from + " to " + to, errno);
  }
  BANGER_TRY(sync_path(parent_of(to)));
  if (parent_of(from) != parent_of(to)) BANGER_TRY(sync_path(parent_of(from)));
  return {};
}

static Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_file_durably(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string beside = path + ".new";
  ::unlink(
      beside.c_str());  // left by a crash; the mode below must be this file's from its first byte
  int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return fail_errno("create " + beside, errno);
  auto written = write_all(fd, bytes);
  if (written && ::fsync(fd) != 0) written = fail_errno("sync", errno);
  ::close(fd);
  if (written) written = rename_durably(beside, path);
  if (written) return {};
  ::unlink(beside.c_str());
  return with_context("write " + path, written.error());
}

Status require_free_space(const std::string& directory, std::uint64_t bytes) {
  struct statvfs fs{};
  if (::statvfs(directory.c_str(), &fs) != 0) return fail_errno("look at " + directory, errno);
  const std::uint64_t available = static_cast<std::uint64_t>(fs.f_bavail) * fs.f_frsize;
  if (available >= bytes) return {};
  constexpr std::uint64_t kMiB = 1024 * 1024;
  return fail("not enough room in " + directory + ": " + std::to_string(available / kMiB) +
                  " MiB free, " + std::to_string(bytes / kMiB) + " MiB needed",
              ENOSPC);
}

}  // namespace banger::host
