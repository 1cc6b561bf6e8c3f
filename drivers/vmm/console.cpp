#include "drivers/vmm/console.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

namespace banger::vmm {
namespace {

namespace fs = std::filesystem;

std::string rotated_name(const std::string& path, std::uint64_t end) {
  return path + "." + std::to_string(end);
}

// What the names of rotated files say: where each ended. A crash may leave more than one.
std::vector<std::uint64_t> rotated_ends(const std::string& path) {
  const fs::path file(path);
  const std::string prefix = file.filename().string() + ".";
  std::vector<std::uint64_t> ends;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(file.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::uint64_t end = 0;
    const char* last = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + prefix.size(), last, end);
    if (parsed.ec == std::errc() && parsed.ptr == last) ends.push_back(end);
  }
  return ends;
}

// Offset of the first byte in PATH: where the newest rotated file ended, 0 where there is none.
std::uint64_t beginning_of(const std::string& path) {
  const auto ends = rotated_ends(path);
  return ends.empty() ? 0 : *std::ranges::max_element(ends);
}

// One of the two files, open for reading; absent, it is empty.
struct Piece {
  explicit Piece(const std::string& path)
      : fd(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {
    struct stat st{};
    if (fd >= 0 && ::fstat(fd, &st) == 0) size = static_cast<std::uint64_t>(st.st_size);
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  ~Piece() {
    if (fd >= 0) ::close(fd);
  }
  [[nodiscard]] Status read(std::uint64_t from, std::size_t most, std::string& out) const {
    if (from >= size) return {};
    const std::size_t had = out.size();
    out.resize(had + std::min<std::uint64_t>(size - from, most));
    const ssize_t n =
        ::pread(fd, out.data() + had, out.size() - had, static_cast<off_t>(from));
    if (n < 0) return fail_errno("read a console log", errno);
    out.resize(had + static_cast<std::size_t>(n));
    return {};
  }

  int fd;
  std::uint64_t size = 0;
};

}  // namespace

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
  log.begin_ = beginning_of(log.path_);
  BANGER_TRY(log.reopen());
  return log;
}

CappedLog::CappedLog(CappedLog&& other) noexcept
    : path_(std::move(other.path_)),
      max_bytes_(other.max_bytes_),
      begin_(other.begin_),
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
      BANGER_TRY(rotate());
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

Status CappedLog::rotate() {
  const std::uint64_t begin = begin_ + size_;
  if (::rename(path_.c_str(), rotated_name(path_, begin).c_str()) != 0)
    return fail_errno("rotate " + path_, errno);
  begin_ = begin;
  for (const std::uint64_t end : rotated_ends(path_)) {
    if (end < begin_) ::unlink(rotated_name(path_, end).c_str());
  }
  return reopen();
}

Result<LogPage> read_log(const std::string& path, std::uint64_t offset, std::size_t max_bytes) {
  const std::uint64_t middle = beginning_of(path);
  const Piece before(middle > 0 ? rotated_name(path, middle) : std::string());
  const Piece now(path);
  const std::uint64_t oldest = middle - std::min(middle, before.size);
  LogPage page{.end = middle + now.size, .bytes = {}};
  page.offset = std::clamp(offset, oldest, page.end);
  if (page.offset < middle) {
    BANGER_TRY(before.read(page.offset - oldest, max_bytes, page.bytes));
  }
  const std::uint64_t reached = page.offset + page.bytes.size();
  if (reached >= middle) {
    BANGER_TRY(now.read(reached - middle, max_bytes - page.bytes.size(), page.bytes));
  }
  return page;
}

Result<std::string> read_log_tail(const std::string& path, std::size_t max_bytes) {
  auto end = read_log(path, UINT64_MAX, 0);
  if (!end) return std::unexpected(end.error());
  auto page = read_log(path, end->end - std::min<std::uint64_t>(end->end, max_bytes), max_bytes);
  if (!page) return std::unexpected(page.error());
  return std::move(page->bytes);
}

}  // namespace banger::vmm
