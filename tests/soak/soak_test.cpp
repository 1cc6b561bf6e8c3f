// VMs on stand-in VMMs come and go, many at a time, and the daemon must not grow by it: files, threads, ports, addresses and
// taps are counted after a warm-up and at the end. scripts/soak is the long one.
#include <cstdlib>

#include "tests/catch.h"
#include "tests/e2e/own_network.h"
#include "tests/soak/rounds.h"

using namespace banger;

TEST_CASE("VMs that come and go leave the daemon as it was") {
  ::setenv("ASAN_OPTIONS", "quarantine_size_mb=8:detect_leaks=0", 1);
  e2e::enter_own_network();
  e2e::Sandbox banger("tick_ms = 500\ndisk = \"qcow2\"\n[vmm]\nprogram = \"" BANGER_STUB_VMM
                      "\"\naccel = \"tcg\"\n[log]\nshadow_fold_s = 0\n");
  banger.make_stub_image();
  soak::live_through(banger, soak::rounds_of({soak::user_life(), soak::bridged_life()}, 48, 16));
  CHECK(banger.leave() == "");
}
