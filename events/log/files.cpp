#include "events/log/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "events/assert.h"

namespace banger::log {
namespace fs = std::filesystem;
namespace {

Result<Fd> open_file(const fs::path& path, int flags) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("open " + path.string(), errno);
  return fd;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  Fd old(std::exchange(fd_, other.release()));
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() {
  return std::exchange(fd_, -1);
}

Status make_private_dir(const fs::path& dir) {
  if (::mkdir(dir.c_str(), 0700) == 0) return sync_dir(dir.parent_path());
  if (errno == ENOENT && dir.has_parent_path()) {
    BANGER_TRY(make_private_dir(dir.parent_path()));
    return make_private_dir(dir);
  }
  const int reason = errno;
  std::error_code ignored;
  if (reason == EEXIST && fs::is_directory(dir, ignored)) return {};
  return fail_errno("mkdir " + dir.string(), reason);
}

Status sync_dir(const fs::path& dir) {
  auto fd = open_file(dir.empty() ? fs::path(".") : dir, O_RDONLY | O_DIRECTORY);
  if (!fd) return std::unexpected(std::move(fd).error());
  if (::fsync(fd->get()) != 0) return fail_errno("fsync " + dir.string(), errno);
  return {};
}

Status rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return fail_errno("rename " + from.string() + " to " + to.string(), errno);
  }
  BANGER_TRY(sync_dir(to.parent_path()));
  return from.parent_path() == to.parent_path() ? Status{} : sync_dir(from.parent_path());
}

Result<Fd> lock_log(const LogPaths& paths) {
  const fs::path path = paths.path / "lock";
  auto fd = open_file(path, O_RDWR | O_CREAT);
  if (!fd) return fd;
  if (::flock(fd->get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return fail("the log in " + paths.path.string() + " is open in another process", EWOULDBLOCK);
  }
  return fail_errno("lock " + path.string(), errno);
}

Result<AnchorFile> AnchorFile::open(const LogPaths& paths, bool writable) {
  AnchorFile file;
  file.path_ = paths.anchor_file();
  auto fd = open_file(file.path_, writable ? O_RDWR | O_CREAT : O_RDONLY);
  if (!fd) {
    if (fd.error().sys_errno == ENOENT) return file;
    return std::unexpected(std::move(fd).error());
  }
  file.fd_ = std::move(*fd);
  std::string bytes(kAnchorFileBytes, '\0');
  const ssize_t length = ::pread(file.fd_.get(), bytes.data(), bytes.size(), 0);
  if (length < 0) return fail_errno("read " + file.path_.string(), errno);
  bytes.resize(static_cast<std::size_t>(length));
  file.slots_ = decode_anchors(bytes);
  // Both slots get their space now, so that a full disk cannot stop an anchor later.
  if (writable && bytes.size() < kAnchorFileBytes) {
    const int failed = ::posix_fallocate(file.fd_.get(), 0, kAnchorFileBytes);
    if (failed != 0) return fail_errno("allocate " + file.path_.string(), failed);
    BANGER_TRY(sync_dir(paths.anchor_dir));
  }
  return file;
}

Status AnchorFile::write(const Anchor& anchor) {
  BANGER_ASSERT(fd_.get() >= 0);
  const std::uint64_t generation = slots_.generation + 1;
  const std::string bytes = encode_anchor(anchor, generation);
  const auto offset = static_cast<off_t>(generation % 2 * kAnchorSlotBytes);
  const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), offset);
  if (written < 0) return fail_errno("write " + path_.string(), errno);
  if (static_cast<std::size_t>(written) != bytes.size()) {
    return fail("write " + path_.string() + ": short", EIO);
  }
  if (::fdatasync(fd_.get()) != 0) return fail_errno("sync " + path_.string(), errno);
  slots_ = {anchor, generation};
  return {};
}

}  // namespace banger::log
