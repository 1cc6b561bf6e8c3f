#include "drivers/disk/sparse_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "drivers/host/durable.h"
#include "drivers/uv/fd.h"

namespace banger::disk {

Result<std::optional<std::uint64_t>> file_bytes(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return static_cast<std::uint64_t>(info.st_size);
  if (errno == ENOENT) return std::nullopt;
  return fail_errno("look at " + path, errno);
}

Result<bool> ensure_sparse(const std::string& path, std::uint64_t bytes) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  Fd file(::open(path.c_str(), kFlags | O_CREAT | O_EXCL, 0600));
  const bool made = static_cast<bool>(file);
  if (!made && errno == EEXIST) file.reset(::open(path.c_str(), kFlags));
  if (!file) return fail_errno("open " + path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fail_errno("look at " + path, errno);
  Status done;
  if (!S_ISREG(info.st_mode)) return fail(path + " is not a file");
  if (static_cast<std::uint64_t>(info.st_size) < bytes && ::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    done = fail_errno("make " + path + " longer", errno);
  }
  if (done && ::fsync(file.get()) != 0) done = fail_errno("sync " + path, errno);
  if (done && made) done = host::sync_path(host::parent_of(path));
  if (done) return made;
  if (made) ::unlink(path.c_str());
  return std::unexpected(done.error());
}

}  // namespace banger::disk
