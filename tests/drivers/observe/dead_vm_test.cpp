// From a file of handles to a teardown: a VM whose VMM died while nobody watched, looked at as a new daemon does.
#include <filesystem>

#include "drivers/disk/dm_snapshot.h"
#include "drivers/observe/handles_file.h"
#include "drivers/observe/native.h"
#include "drivers/observe/process.h"
#include "engine/plan.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/observe/observers.h"
#include "tests/engine/given.h"
#include "tests/support/child.h"

namespace banger::observe {
namespace {

using banger::test::kWeb;
using banger::test::told;

constexpr StoreId kStore{0xaaaa, 0xbbbb};

TEST_CASE("reconciling a VM that died issues the teardown, for which the file still names what the dead one held") {
  const banger::test::TempDir dir;
  const LookSpec spec{.layout = {dir / "data"}, .boot = boot_id().value(), .where = {.vmm_programs = {"banger-stub-vmm"}}};
  const VmPaths paths = vm_paths(spec.layout, kWeb);
  std::filesystem::create_directories(paths.dir);
  banger::test::World world = banger::test::web_in(VmState::kRunning);
  VmHandles handles{.incarnation = 1, .tap_device = "bgt", .cow_loop = "/dev/loop4", .dm_name = "banger-x"};
  {
    banger::test::Child vmm(STUB_VMM, {"qemu", "-name", vmm_name({kWeb, 1}), "-qmp", "unix:" + paths.api_socket,
                                       "--max-seconds", "60"});
    test::await_argv(vmm.pid(), "--max-seconds");
    handles.vmm = identity_of(vmm.pid(), spec.boot).value();
    REQUIRE(write_handles(paths.handles, handles));
    const Observation alive = observe_native(spec).seen;
    CHECK(rediscover(kWeb, alive, read_handles(paths.handles).value()) == Rediscovered{handles, true, false});
    CHECK(std::string(name_of(plan(world.fleet, alive, {}).effects.at(0))) == "await_guest");
    vmm.kill(SIGKILL);
    vmm.wait();
  }
  Observation seen = observe_native(spec).seen;
  CHECK(rediscover(kWeb, seen, read_handles(paths.handles).value()) == Rediscovered{handles, false, false});

  // First that it died is recorded; then what the kernel still holds for it is let go.
  seen.disks = disk::held_by(kStore, {disk::snapshot_names(kStore, kWeb).uuid}, {disk::snapshot_names(kStore, kWeb).cow_mark});
  const Plan first = plan(world.fleet, seen, {});
  REQUIRE(first.effects.size() == 1);
  const auto* died = std::get_if<Settle>(&first.effects[0]);
  REQUIRE(died != nullptr);
  CHECK(told(world.doing(died->outcome)) == "vm_died");
  const Plan second = plan(world.fleet, seen, {});
  REQUIRE(second.effects.size() == 1);
  const auto* release = std::get_if<ReleaseHandles>(&second.effects[0]);
  REQUIRE(release != nullptr);
  CHECK(release->vm == kWeb);
  // And a delete tears all of it down.
  world.given(VmDeleteRequested{true});
  const Plan third = plan(world.fleet, seen, {});
  REQUIRE(third.effects.size() == 1);
  CHECK(std::holds_alternative<TearDownVm>(third.effects[0]));
}

}  // namespace
}  // namespace banger::observe
