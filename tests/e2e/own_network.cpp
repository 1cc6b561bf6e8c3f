#include "tests/e2e/own_network.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/catch.h"
#include "tests/drivers/network/namespaces.h"

namespace banger::e2e {

void enter_own_network() {
  static bool entered = false;
  if (entered) return;
  REQUIRE(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0);
  REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  // /sys/class/net is of the namespace that mounted it (`ip netns exec` does the same).
  REQUIRE(::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0);
  network::test::sh("ip link set lo up");
  std::string resolv = "/tmp/banger-resolv-XXXXXX";
  const int fd = ::mkstemp(resolv.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream(resolv) << "nameserver 127.0.0.1\n";
  REQUIRE(::mount(resolv.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0);
  ::unlink(resolv.c_str());
  entered = true;
}

}  // namespace banger::e2e
