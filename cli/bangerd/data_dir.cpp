#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

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

// As the kernel tells it: the file itself may still have the pid of a daemon before that one, which may be anybody's now.
std::string holder_of(int lock) {
  struct stat info {};
  if (::fstat(lock, &info) != 0) return "unknown";
  char file[64];
  std::snprintf(file, sizeof file, "%02x:%02x:%llu", major(info.st_dev), minor(info.st_dev),
                static_cast<unsigned long long>(info.st_ino));
  std::ifstream locks("/proc/locks");  // "1: FLOCK  ADVISORY  WRITE 1234 00:2a:5678 0 EOF"
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, mode, pid, locked;
    words >> number >> kind >> advisory >> mode >> pid >> locked;
    if (kind == "FLOCK" && locked == file) return pid;
  }
  return "unknown";
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
