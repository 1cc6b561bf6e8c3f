// A library that is loaded before bangerd's own (LD_PRELOAD) and lets one of its acquisitions fail: the Nth that is
// asked for once a test has said N. What counts is what a start takes from the kernel: loops, devices, taps, directories, files
// and FIFOs below a vms/ directory, processes. What the event log does is not counted: its failure stops the daemon, by design.
// The test and the daemon share a file of FailPlan; a process without it, or of another name, is left alone.
#include "tests/kernel/daemon/fail_nth.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using banger::test::FailPlan;

FailPlan* shared_plan() {
  static FailPlan* const plan = []() -> FailPlan* {
    const char* path = std::getenv(banger::test::kFailPlanVariable);
    if (!path || std::strcmp(program_invocation_short_name, "bangerd") != 0) return nullptr;
    const int fd = ::open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* at = ::mmap(nullptr, sizeof(FailPlan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    return at == MAP_FAILED ? nullptr : static_cast<FailPlan*>(at);
  }();
  return plan;
}

// True once, for the call that is to fail; errno says how.
bool fails(const char* what, const char* which, int error) {
  FailPlan* plan = shared_plan();
  if (!plan || plan->left.load() <= 0) return false;
  char call[sizeof plan->failed];
  std::snprintf(call, sizeof call, "%s %s", what, which);
  if (std::strncmp(call, plan->only, std::strlen(plan->only)) != 0 || plan->left.fetch_sub(1) != 1) return false;
  std::memcpy(plan->failed, call, sizeof call);
  errno = error;
  return true;
}

bool of_a_vm(const char* path) { return path && std::strstr(path, "/vms/"); }

bool is_of_a_vm(int fd) {
  char link[64];
  char path[512];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  return of_a_vm(path);
}

const char* acquisition(unsigned long request) {
  switch (request) {
    case LOOP_CTL_GET_FREE: return "LOOP_CTL_GET_FREE";
    case LOOP_CONFIGURE: return "LOOP_CONFIGURE";
    case DM_DEV_CREATE: return "DM_DEV_CREATE";
    case DM_TABLE_LOAD: return "DM_TABLE_LOAD";
    case DM_DEV_SUSPEND: return "DM_DEV_SUSPEND";  // which resumes, too
    case TUNSETIFF: return "TUNSETIFF";
    case TUNSETPERSIST: return "TUNSETPERSIST";
    default: return nullptr;
  }
}

// Of a message to rtnetlink or nf_tables: what it would make or change; a question, or anything else, is nothing.
const char* change_of(int fd, const msghdr& message) {
  int domain = 0, protocol = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK) return nullptr;
  size = sizeof protocol;
  if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0) return nullptr;
  if (message.msg_iovlen == 0 || message.msg_iov[0].iov_len < sizeof(nlmsghdr)) return nullptr;
  nlmsghdr header;
  std::memcpy(&header, message.msg_iov[0].iov_base, sizeof header);
  if (protocol == NETLINK_NETFILTER) return header.nlmsg_type == NFNL_MSG_BATCH_BEGIN ? "nf_tables" : nullptr;
  if (protocol != NETLINK_ROUTE) return nullptr;
  switch (header.nlmsg_type) {
    case RTM_NEWLINK: return "RTM_NEWLINK";
    case RTM_SETLINK: return "RTM_SETLINK";
    case RTM_NEWADDR: return "RTM_NEWADDR";
    default: return nullptr;
  }
}

// The function that this one stands before.
template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list list;
  va_start(list, request);
  void* argument = va_arg(list, void*);
  va_end(list);
  static const auto real = next<int (*)(int, unsigned long, void*)>("ioctl");
  if (const char* name = acquisition(request); name && fails("ioctl", name, EIO)) return -1;
  return real(fd, request, argument);
}

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
  va_end(list);
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  // Also the clone device of taps, and a loop's node: what is opened to acquire.
  const bool taken = ((flags & O_CREAT) != 0 && of_a_vm(path)) || std::strcmp(path, "/dev/loop-control") == 0 ||
                     std::strcmp(path, "/dev/net/tun") == 0;
  if (taken && fails("open", path, EMFILE)) return -1;
  return real(path, flags, mode);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  if (of_a_vm(path) && fails("mkdir", path, ENOSPC)) return -1;
  return real(path, mode);
}

int mkfifo(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkfifo");
  if (of_a_vm(path) && fails("mkfifo", path, ENOSPC)) return -1;
  return real(path, mode);
}

int mknod(const char* path, mode_t mode, dev_t device) noexcept {
  static const auto real = next<int (*)(const char*, mode_t, dev_t)>("mknod");
  if (std::strstr(path, "/mapper/banger-") && fails("mknod", path, ENOSPC)) return -1;
  return real(path, mode, device);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  if (of_a_vm(to) && fails("rename", to, ENOSPC)) return -1;
  return real(from, to);
}

int ftruncate(int fd, off_t size) noexcept {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  if (size != 0 && is_of_a_vm(fd) && fails("ftruncate", "", ENOSPC)) return -1;
  return real(fd, size);
}

int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
                 char* const argv[], char* const environment[]) {
  static const auto real = next<decltype(&::posix_spawnp)>("posix_spawnp");
  if (fails("posix_spawnp", file, 0)) return ENOMEM;
  return real(pid, file, actions, attributes, argv, environment);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto real = next<decltype(&::sendmsg)>("sendmsg");
  if (const char* change = change_of(fd, *message); change && fails("netlink", change, ENOBUFS)) return -1;
  return real(fd, message, flags);
}

}  // extern "C"
