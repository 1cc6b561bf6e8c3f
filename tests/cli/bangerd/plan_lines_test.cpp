// What `reconcile plan` tells of a VM: desired, observed and action, by what the log wants and what the host shows.
#include "cli/bangerd/plan_lines.h"

#include <array>

#include "tests/catch.h"

namespace banger::bangerd {
namespace {

constexpr VmId kWeb{0xa1};

struct Case {
  VmState state;
  bool then_start;
  std::string desired;
  // With nothing on the host; with its VMM and disk; with the loops of its disk alone; with a look that failed.
  std::array<std::string, 4> actions;
};

std::array<Observation, 4> looks() {
  Observation nothing{.processes_known = true, .directories_known = true};
  Observation up = nothing;
  up.vmms[kWeb] = {{{BootId{}, 42, 7}, 3}};
  up.disks[kWeb] = {.device = true, .loops = true};
  up.taps = {kWeb};
  up.vm_directories = {kWeb};
  Observation loops = nothing;
  loops.disks[kWeb] = {.device = false, .loops = true};
  loops.vm_directories = {kWeb};
  return {nothing, up, loops, Observation{}};
}

}  // namespace

TEST_CASE("each VM has a line: what is desired, what was observed, and what is to be done about it") {
  const std::array<std::string, 4> observed{"nothing", "VMM of incarnation 3, its disk, its tap",
                                            "no VMM, loops of its disk", "unknown"};
  const std::vector<Case> cases{
      {VmState::kCreated, false, "down", {"", "kill_stray", "release_handles", ""}},
      {VmState::kStopped, false, "down", {"", "kill_stray", "release_handles", ""}},
      {VmState::kError, false, "down", {"", "kill_stray", "release_handles", ""}},
      {VmState::kStarting, false, "incarnation 3 up", {"spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm"}},
      {VmState::kRunning, false, "incarnation 3 up", {"record that it died", "", "record that it died", ""}},
      {VmState::kStopping, false, "down", {"stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm"}},
      {VmState::kStopping, true, "down, then up", {"stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm"}},
      {VmState::kDeleting, false, "gone", {"tear_down_vm", "tear_down_vm", "tear_down_vm", "tear_down_vm"}},
  };
  for (const Case& each : cases) {
    Fleet fleet;
    VmRuntime& vm = fleet.vms[kWeb];
    vm.id = kWeb;
    vm.name = "web";
    vm.state = each.state;
    vm.then_start = each.then_start;
    vm.incarnation = 3;
    vm.ready = true;
    const auto all = looks();
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(name_of(each.state) << ", " << observed[i]);
      const auto lines = plan_lines(fleet, all[i], {});
      REQUIRE(lines.size() == 1);
      CHECK(lines[0].subject == "vm web");
      CHECK(lines[0].id == kWeb.hex());
      CHECK(lines[0].desired == each.desired);
      CHECK(lines[0].observed == observed[i]);
      CHECK(lines[0].action == each.actions[i]);
      CHECK(lines[0].under_way == "");
    }
  }
}

TEST_CASE("what is under way, or waits for a tick, is not planned a second time") {
  Fleet fleet;
  VmRuntime& vm = fleet.vms[kWeb];
  vm.id = kWeb;
  vm.state = VmState::kStarting;
  vm.fence = 5;
  PlanContext context;
  context.in_flight[stream_of(kWeb)] = {{5, "spawn_vmm"}};
  auto lines = plan_lines(fleet, looks()[0], context);
  CHECK(lines.at(0).action == "");
  CHECK(lines.at(0).under_way == "spawn_vmm");
  context.in_flight.clear();
  context.held = {stream_of(kWeb)};
  lines = plan_lines(fleet, looks()[0], context);
  CHECK(lines.at(0).action == "");
  CHECK(lines.at(0).under_way == "waiting for the next tick");
}

}  // namespace banger::bangerd
