#include "drivers/observe/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace banger::observe {
namespace {

constexpr std::size_t kMaxStatBytes = 4096;  // some 350 in practice
constexpr int kStateField = 3;
constexpr int kStartField = 22;

}  // namespace

std::optional<ProcessStat> parse_stat(std::string_view text) {
  auto bracket = text.rfind(')');
  if (bracket == std::string_view::npos || bracket + 2 >= text.size()) return std::nullopt;
  std::string_view rest = text.substr(bracket + 2);
  ProcessStat stat{.state = rest.front()};
  for (int i = kStateField; i < kStartField; ++i) {
    auto blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), stat.start_ticks);
  bool whole = end != rest.data() + rest.size() && (*end == ' ' || *end == '\n');
  if (error != std::errc() || !whole) return std::nullopt;
  return stat;
}

Result<std::string> read_all(int fd, std::size_t limit) {
  constexpr std::size_t kChunk = 4096;
  std::string text;
  std::size_t used = 0;
  while (used < limit) {
    text.resize(std::min(limit, used + kChunk));
    ssize_t got = ::read(fd, text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read", errno);
    bool more = static_cast<std::size_t>(got) == text.size() - used;
    used += static_cast<std::size_t>(got);
    if (!more)
      break;  // files end where a read comes short, those of /proc too; asking again costs as much
  }
  text.resize(used);
  return text;
}

Result<std::string> read_at(int directory, const char* path, std::size_t limit) {
  Fd file(::openat(directory, path, O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(path, errno);
  auto text = read_all(file.get(), limit);
  if (!text) return with_context(path, text.error());
  return text;
}

Result<BootId> boot_id() {
  auto text = read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64);
  if (!text) return std::unexpected(text.error());
  std::erase_if(*text, [](char c) { return c == '-' || c == '\n'; });
  auto boot = BootId::parse(*text);
  if (!boot) return fail("/proc/sys/kernel/random/boot_id holds no boot id");
  return *boot;
}

Result<std::string> kernel_release() {
  utsname names{};
  if (::uname(&names) != 0) return fail_errno("uname", errno);
  return std::string(names.release);
}

Result<ProcessIdentity> identity_of(std::int32_t pid, BootId boot) {
  auto text = read_at(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/stat").c_str(), kMaxStatBytes);
  if (!text && text.error().sys_errno == ENOENT) return fail_errno("find process", ESRCH);
  if (!text) return std::unexpected(text.error());
  auto stat = parse_stat(*text);
  if (!stat) return fail("/proc/" + std::to_string(pid) + "/stat does not read as proc(5) says");
  if (stat->ended()) return fail_errno("find process", ESRCH);
  return ProcessIdentity{boot, pid, stat->start_ticks};
}

Result<ProcessHold> ProcessHold::open(const ProcessIdentity& process) {
  auto boot = boot_id();
  if (!boot) return std::unexpected(boot.error());
  if (*boot != process.boot || process.pid <= 0) return fail_errno("find process", ESRCH);
  // By number: glibc 2.36 declares these without C linkage.
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd) return fail_errno("pidfd_open", errno);
  // After opening: a pid that was reused before it is seen here, one that is reused later is not
  // ours.
  auto seen = identity_of(process.pid, *boot);
  if (!seen) return std::unexpected(seen.error());
  if (*seen != process) return fail_errno("find process", ESRCH);
  return ProcessHold(std::move(fd));
}

Status ProcessHold::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) != 0) {
    return fail_errno("signal process", errno);
  }
  return {};
}

Liveness liveness_of(const ProcessIdentity& process) {
  auto boot = boot_id();
  if (!boot) return Liveness::kUnknown;
  if (*boot != process.boot || process.pid <= 0) return Liveness::kDead;
  auto seen = identity_of(process.pid, *boot);
  if (seen) return *seen == process ? Liveness::kAlive : Liveness::kDead;
  return seen.error().sys_errno == ESRCH ? Liveness::kDead : Liveness::kUnknown;
}

}  // namespace banger::observe
