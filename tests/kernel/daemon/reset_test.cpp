// The machine is reset while VMs run. The reset parts the tests into that of the first boot ([boot1]), which must not fail by
// a CHECK, for the reset would take that with it, and those of the second ([boot2]): boot.sh boots the same disk twice.
#include "tests/kernel/daemon/guest.h"

using namespace banger;
using namespace banger::test;

namespace {

constexpr const char* kKept = "/persist/banger";         // the data that outlives the reset
constexpr const char* kMarker = "/persist/reset-begins";  // written last in the first boot

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

TEST_CASE("VMs run when the machine is reset", "[boot1]") {
  GuestDaemon guest(kKept);
  guest.up(GuestDaemon::create_words("web"), "web");
  auto again = GuestDaemon::create_words("again");
  again.emplace_back("--autostart");
  guest.up(again, "again");
  guest.up(GuestDaemon::create_words("down"), "down");
  for (const char* vm : {"web", "again", "down"}) {
    REQUIRE(write_at(guest.node(vm), 0, std::string("of ") + vm));
    REQUIRE(write_at(guest.node(vm), kImageBytes, std::string("beyond ") + vm));
  }
  guest.ctl({"vm", "stop", "down"});
  std::ofstream(kMarker) << boot_id() << '\n' << guest.image_digest() << '\n' << std::flush;
  {
    const Fd marker(::open(kMarker, O_RDONLY | O_CLOEXEC));
    REQUIRE(::fsync(marker.get()) == 0);
    const Fd directory(::open("/persist", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(::fsync(directory.get()) == 0);
  }
  // No sync, no signal, no unmounting: nobody is told.
  std::ofstream("/proc/sysrq-trigger") << 'b' << std::flush;
  FAIL("the machine goes on");
}

TEST_CASE("after the reset VMs are known to be down, and start with their data", "[boot2]") {
  std::ifstream marker(kMarker);
  std::string boot, digest;
  REQUIRE(std::getline(marker, boot));
  REQUIRE(std::getline(marker, digest));
  CHECK(boot != boot_id());
  CHECK(kernel_holds() == "");
  GuestDaemon guest(kKept);
  CHECK(guest.image_digest() == digest);

  CHECK(guest.events("host_booted").size() == 2);
  CHECK(guest.events("vm_host_rebooted").size() == 2);
  CHECK(guest.state("web") == "stopped");
  CHECK(guest.state("down") == "stopped");
  guest.ctl({"vm", "wait", "again", "--for", "running"});
  CHECK(guest.show("again").at("incarnation") == 2);
  for (const char* vm : {"web", "down"}) guest.up(GuestDaemon::start_words(vm), vm);
  for (const char* vm : {"web", "again", "down"}) {
    CHECK(read_at(guest.node(vm), 0, 3 + std::string(vm).size()) == std::string("of ") + vm);
    CHECK(read_at(guest.node(vm), kImageBytes, 7 + std::string(vm).size()) == std::string("beyond ") + vm);
  }
  CHECK(guest.events("vm_died").empty());
  CHECK(guest.events("drift_corrected").empty());
  guest.ctl({"vm", "rm", "-f", "web", "again", "down"});
  guest.leave();
}
