#include "drivers/vmm/console.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace banger::vmm {

Result<int> open_console(const std::string& fifo) {
  if (::mkfifo(fifo.c_str(), 0600) != 0 && errno != EEXIST)
    return fail_errno("make the FIFO " + fifo, errno);
  int fd = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail_errno("open " + fifo, errno);
  struct stat st{};
  if (::fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) return fd;
  ::close(fd);
  return fail(fifo + " is not a FIFO");
}

Result<int> open_console_writer(const std::string& fifo) {
  int fd = ::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fail_errno("open " + fifo + " for writing", errno);
  return fd;
}

Result<CappedLog> CappedLog::open(std::string path, std::uint64_t max_bytes) {
  CappedLog log(std::move(path), max_bytes);
  BANGER_TRY(log.reopen());
  return log;
}

CappedLog::CappedLog(CappedLog&& other) noexcept
    : path_(std::move(other.path_)),
      max_bytes_(other.max_bytes_),
      size_(other.size_),
      fd_(std::exchange(other.fd_, -1)) {}

CappedLog::~CappedLog() {
  if (fd_ >= 0) ::close(fd_);
}

Status CappedLog::reopen() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return fail_errno("open " + path_, errno);
  struct stat st{};
  if (::fstat(fd_, &st) != 0) return fail_errno("look at " + path_, errno);
  size_ = static_cast<std::uint64_t>(st.st_size);
  return {};
}

Status CappedLog::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (size_ >= max_bytes_) {
      if (::rename(path_.c_str(), (path_ + ".1").c_str()) != 0)
        return fail_errno("rotate " + path_, errno);
      BANGER_TRY(reopen());
    }
    const auto part = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), max_bytes_ - size_));
    ssize_t n = ::write(fd_, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write " + path_, errno);
    size_ += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

static Result<std::string> tail_of(const std::string& path, std::size_t max_bytes) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return std::string();
  if (fd < 0) return fail_errno("open " + path, errno);
  const off_t size = std::max<off_t>(::lseek(fd, 0, SEEK_END), 0);
  std::string text(std::min<std::size_t>(static_cast<std::size_t>(size), max_bytes), '\0');
  ssize_t n = ::pread(fd, text.data(), text.size(), size - static_cast<off_t>(text.size()));
  const int error = errno;
  ::close(fd);
  if (n < 0) return fail_errno("read " + path, error);
  text.resize(static_cast<std::size_t>(n));
  return text;
}

Result<std::string> read_log_tail(const std::string& path, std::size_t max_bytes) {
  auto now = tail_of(path, max_bytes);
  if (!now || now->size() == max_bytes) return now;
  auto before = tail_of(path + ".1", max_bytes - now->size());
  if (!before) return before;
  return *before + *now;
}

}  // namespace banger::vmm
