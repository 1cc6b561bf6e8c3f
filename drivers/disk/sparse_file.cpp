#include "drivers/disk/sparse_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "drivers/host/durable.h"
#include "drivers/uv/fd.h"

namespace banger::disk {
namespace {

// Every part of `from` that is no hole, at the same place of `to`.
Status copy_parts(const Fd& from, const Fd& to) {
  for (off_t at = 0;;) {
    const off_t begin = ::lseek(from.get(), at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return {};  // only a hole is left
    const off_t end = begin < 0 ? begin : ::lseek(from.get(), begin, SEEK_HOLE);
    if (end < 0) return fail_errno("find what is to be copied", errno);
    off_t in = begin, out = begin;
    while (in < end) {
      const ssize_t copied =
          ::copy_file_range(from.get(), &in, to.get(), &out, static_cast<std::size_t>(end - in), 0);
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0) return fail_errno("copy", errno);
      if (copied == 0) return fail("copy: it became shorter meanwhile");
    }
    at = end;
  }
}

Status fill_copy(const CopySpec& spec, const Fd& from, const Fd& to) {
  struct stat info {};
  if (::fstat(from.get(), &info) != 0) return fail_errno("look at " + spec.from, errno);
  if (!S_ISREG(info.st_mode)) return fail(spec.from + " is not a file");
  if (::ioctl(to.get(), FICLONE, from.get()) != 0) {  // most file systems share no blocks
    const auto taken = static_cast<std::uint64_t>(info.st_blocks) * 512;
    BANGER_TRY(host::require_free_space(host::parent_of(spec.to), taken + spec.keep_free_bytes));
    if (::ftruncate(to.get(), info.st_size) != 0) return fail_errno("make a copy of " + spec.from, errno);
    if (auto copied = copy_parts(from, to); !copied) return with_context(spec.from, copied.error());
  }
  if (::fsync(to.get()) != 0) return fail_errno("sync a copy of " + spec.from, errno);
  return {};
}

}  // namespace

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

Status ensure_copy(const CopySpec& spec) {
  auto there = file_bytes(spec.to);
  if (!there) return std::unexpected(there.error());
  if (*there) return {};
  const std::string beside = spec.to + ".new";
  ::unlink(beside.c_str());  // left by a crash; nobody has it open, or it would have its final name
  const Fd from(::open(spec.from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return fail_errno("open " + spec.from, errno);
  const Fd to(::open(beside.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (!to) return fail_errno("make " + beside, errno);
  Status done = host::require_free_space(host::parent_of(spec.to), spec.keep_free_bytes);
  if (done) done = fill_copy(spec, from, to);
  if (done) done = host::rename_durably(beside, spec.to);
  if (!done) ::unlink(beside.c_str());
  return done;
}

}  // namespace banger::disk
