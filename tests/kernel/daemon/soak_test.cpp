// VMs with disks on device-mapper and taps on the bridge come and go in a guest's kernel, several at a time, and neither daemon
// nor kernel has more of anything at the end. scripts/soak --kernel is the long one.
#include "tests/kernel/daemon/guest.h"
#include "tests/soak/rounds.h"

using namespace banger;
using namespace banger::test;

TEST_CASE("VMs that come and go leave daemon and kernel as they were") {
  GuestDaemon guest("/tmp/soak");
  soak::live_through(guest.banger(), soak::rounds_of({soak::bridged_life()}, 12, 4));
  guest.leave();
}
