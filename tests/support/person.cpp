#include "tests/support/person.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace banger::test {

Person visitor() {
  if (::geteuid() == 0) return {61'001, 61'001, {61'002, 61'003}};
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  if (::getgroups(static_cast<int>(groups.size()), groups.data()) < 0) groups.clear();
  return {::geteuid(), ::getegid(), groups};
}

int connect_to(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  const int failed = errno;
  if (fd >= 0) ::close(fd);
  errno = failed;
  return -1;
}

// The kernel's credentials are a thread's; only the C library gives all threads the same. So one of them connects as
// somebody else, and the socket keeps who that was.
int connect_as(const Person& person, const std::string& path) {
  if (::geteuid() != 0) return connect_to(path);
  int fd = -1, failed = 0;
  std::thread([&] {
    const bool became = ::syscall(SYS_setgroups, person.groups.size(), person.groups.data()) == 0 &&
                        ::syscall(SYS_setresgid, person.gid, person.gid, person.gid) == 0 &&
                        ::syscall(SYS_setresuid, person.uid, person.uid, person.uid) == 0;
    if (became) fd = connect_to(path);
    failed = errno;
  }).join();
  errno = failed;
  return fd;
}

}  // namespace banger::test
