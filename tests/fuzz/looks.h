// Looks at a host by chance, for a fleet as it stands: VMMs, disks, taps and directories of VMs that the log knows
// and of one that it does not, parts that could not be told, and effects that may be under way.
#pragma once

#include "engine/plan.h"
#include "tests/engine/given.h"
#include "tests/support/random.h"

namespace banger::fuzz {

inline void add_chance(Observation& look, VmId vm, BootId boot, test::Dice& dice) {
  for (std::uint64_t n = dice.below(4); n > 1; --n) {
    const auto pid = static_cast<std::int32_t>(1 + dice.below(9));
    look.vmms[vm].push_back({{boot, pid, 1}, static_cast<std::uint32_t>(dice.below(4))});
  }
  if (dice.chance(30)) look.disks[vm] = {.device = dice.chance(50), .loops = dice.chance(50)};
  if (dice.chance(30)) look.taps.insert(vm);
  if (dice.chance(70)) look.vm_directories.insert(vm);
  if (dice.chance(10)) look.disturbed.insert(vm);
}

inline Observation random_look(const test::World& world, test::Dice& dice) {
  Observation look{.processes_known = dice.chance(90), .directories_known = dice.chance(90)};
  look.disks_known = dice.chance(80);
  look.links_known = dice.chance(80);
  look.network = static_cast<NetworkSighting>(dice.below(5));
  for (const auto& [id, vm] : world.fleet.vms) add_chance(look, id, world.fleet.host.boot, dice);
  if (dice.chance(10)) add_chance(look, VmId{77}, world.fleet.host.boot, dice);
  for (const auto& [id, image] : world.fleet.images) {
    if (dice.chance(80)) look.image_directories.insert(id);
  }
  return look;
}

inline PlanContext random_context(const test::World& world, test::Dice& dice) {
  constexpr std::string_view kEffects[] = {"spawn_vmm", "await_guest", "stop_vmm", "tear_down_vm", "release_handles"};
  PlanContext context{.sweep = dice.chance(50)};
  if (dice.chance(10)) context.network.reset();
  for (const auto& [id, vm] : world.fleet.vms) {
    if (dice.chance(5)) context.held.insert(stream_of(id));
    if (!dice.chance(30)) continue;
    const Sequence fence = dice.chance(80) ? vm.fence : dice.below(vm.fence + 1);
    context.in_flight[stream_of(id)].push_back({fence, kEffects[dice.below(std::size(kEffects))], dice.chance(20)});
  }
  return context;
}

}  // namespace banger::fuzz
