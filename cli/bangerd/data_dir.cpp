#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "cli/bangerd/daemon.h"
#include "drivers/vmm/qemu_argv.h"

namespace banger::bangerd {
namespace {

Status check_socket_paths(const Layout& layout) {
  std::size_t longest = vm_paths(layout, VmId{~0ull}).api_socket.size();
  if (longest <= vmm::kMaxSocketPath) return {};
  return fail("the data directory's path is " + std::to_string(longest - vmm::kMaxSocketPath) +
              " bytes too long: sockets below it must fit 107 bytes");
}

Status check_ours(const std::string& dir) {
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) return fail_errno(dir, errno);
  if (!S_ISDIR(info.st_mode)) return fail(dir + " is no directory");
  if (info.st_uid != ::geteuid()) return fail(dir + " belongs to another user");
  if ((info.st_mode & 077) != 0 && ::chmod(dir.c_str(), 0700) != 0) return fail_errno("chmod " + dir, errno);
  return {};
}

std::string holder_of(int lock) {
  char text[32] = {};
  ssize_t got = ::pread(lock, text, sizeof text - 1, 0);
  return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "unknown";
}

}  // namespace

Result<Fd> take_data_dir(const Layout& layout) {
  if (auto fits = check_socket_paths(layout); !fits) return std::unexpected(fits.error());
  std::error_code error;
  std::filesystem::create_directories(layout.data_dir, error);
  if (error) return fail_errno("make " + layout.data_dir, error.value());
  if (auto ours = check_ours(layout.data_dir); !ours) return std::unexpected(ours.error());
  Fd lock(::open(layout.lock_file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail_errno("open " + layout.lock_file(), errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail("another bangerd (pid " + holder_of(lock.get()) + ") serves " + layout.data_dir, EWOULDBLOCK);
  }
  std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return fail_errno("write " + layout.lock_file(), errno);
  }
  std::filesystem::create_directory(layout.vms_dir(), error);
  if (error) return fail_errno("make " + layout.vms_dir(), error.value());
  return lock;
}

}  // namespace banger::bangerd
