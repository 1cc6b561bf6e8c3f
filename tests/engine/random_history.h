// Random people, drivers and crashes: asks that mostly make sense, for a fleet as it stands.
#pragma once

#include "tests/engine/given.h"
#include "tests/support/random.h"

namespace banger::test {

inline std::string some_vm(const World& world, Dice& dice) {
  if (world.fleet.vms.empty() || dice.chance(3)) return "nobody";
  auto at = world.fleet.vms.begin();
  std::advance(at, dice.below(world.fleet.vms.size()));
  return dice.chance(50) ? at->second.name : at->first.hex();
}

inline Ask random_intent(const World& world, Dice& dice) {
  std::string vm = some_vm(world, dice);
  StopMode mode = dice.chance(30) ? StopMode::kForced : StopMode::kGraceful;
  switch (dice.below(12)) {
    case 0:
    case 1: {
      VmSettings its = settings();
      its.autostart = dice.chance(30);
      if (dice.chance(10))
        its.net = NetMode::kNone;
      else if (dice.chance(20))
        its.net = NetMode::kBridge, its.open = dice.chance(50);
      else if (dice.chance(30))
        its.ports = {{"127.0.0.1", 0, 80}};
      return CreateVm{"vm-" + std::to_string(dice.below(6)), "tiny", its, dice.chance(60),
                      dice.chance(30)};
    }
    case 2:
    case 3:
      return StartVm{vm};
    case 4:
      return StopVm{vm, mode, dice.below(2000)};
    case 5:
      return RestartVm{vm, mode, dice.below(2000)};
    case 6:
      return DeleteVm{vm, dice.chance(70)};
    case 7:
      return SetVm{.vm = vm,
                   .vcpus = static_cast<std::uint32_t>(dice.below(9)),
                   .ports = dice.chance(30)
                                ? std::optional(std::vector<PortForward>{{"127.0.0.1", 0, 90}})
                                : std::nullopt,
                   .autostart = dice.chance(50)};
    case 8:
    case 9:
      return StartExec{vm, {"true"}, false, 0};
    case 10:
      return MakeImage{"image-" + std::to_string(dice.below(3)), ImageSource::kRecipe, "tiny"};
    default:
      return DeleteImage{dice.chance(90) ? "image-" + std::to_string(dice.below(3)) : "tiny"};
  }
}

// An outcome for some VM, with its fence or, sometimes, a stale one.
inline Ask random_outcome(const World& world, Dice& dice) {
  if (!world.fleet.images.empty() && dice.chance(15)) {
    auto at = world.fleet.images.begin();
    std::advance(at, dice.below(world.fleet.images.size()));
    switch (dice.below(3)) {
      case 0:
        return ReportImageMade{at->first, at->second.fence, {}, 1 << 20, 1 << 20};
      case 1:
        return ReportImageFailed{at->first, at->second.fence, "no"};
      default:
        return ReportImageRemoved{at->first, at->second.fence};
    }
  }
  if (dice.chance(1)) return ReportProjectionDrift{{"vm_runtime", 1, world.fleet.last, "00"}};
  if (dice.chance(1)) return ReportErased{{VmId{7}, "gone", 3}};
  if (dice.chance(1)) return ReportArchived{{1, 8, "1-8.archive", 4000, Digest{9}}};
  if (world.fleet.vms.empty() || dice.chance(3)) {
    ReportHost host{{1, dice.below(3)}, "6.1", "1", {}};
    if (dice.chance(20)) {
      host.log_epochs.push_back({world.fleet.host.log_epoch + 2, EpochReason::kRestored, 1, 1});
    }
    return host;
  }
  auto at = world.fleet.vms.begin();
  std::advance(at, dice.below(world.fleet.vms.size()));
  const VmRuntime& vm = at->second;
  Sequence fence = dice.chance(90) ? vm.fence : vm.fence - dice.below(3);
  switch (dice.below(11)) {
    case 0:
    case 1:
    case 2:
      return ReportSpawned{vm.id, fence, dice.chance(20)};
    case 3:
      return ReportSpawnFailed{vm.id, fence, StartStage::kDisk, "no"};
    case 4:
      return ReportPortBusy{vm.id, fence, vm.ssh_port};
    case 5:
      return ReportReady{vm.id, fence};
    case 6:
      return ReportDeadline{vm.id, fence};
    case 7:
      return ReportGone{vm.id, vm.incarnation - (fence == vm.fence ? 0 : 1),
                        dice.chance(50) ? std::optional(StoppedBy::kGuest) : std::nullopt, "x"};
    case 8:
      return dice.chance(50) ? Ask(ReportTornDown{vm.id, fence})
                             : ReportTearDownFailed{vm.id, fence, "no"};
    case 9: {
      ExecId exec = vm.execs.empty() ? ExecId{1} : vm.execs[dice.below(vm.execs.size())].id;
      return FinishExec{vm.id, exec, ExecOutcome::kExited, 0};
    }
    default:
      return ReportDrift{
          vm.id, {ResourceClass::kVmm, Condition::kStale, "vm-x", CorrectiveAction::kKilled, "x"}};
  }
}

inline World random_history(std::uint64_t seed, int steps) {
  Dice dice(seed);
  World world = host_with_image();
  for (int i = 0; i < steps; ++i) {
    world.random = dice.next();
    world.doing(dice.chance(50) ? random_intent(world, dice) : random_outcome(world, dice));
  }
  return world;
}

}  // namespace banger::test
