#include "engine/plan.h"

#include <algorithm>

namespace banger {
namespace {

// What one look says of one VM's process.
enum class Presence { kAbsent, kRight, kUnknown };

// The one effect that a state has use for; what else is under way has been overtaken.
std::string_view effect_of(VmState state) {
  switch (state) {
    case VmState::kStarting: return "spawn_vmm";
    case VmState::kRunning: return "await_guest";
    case VmState::kStopping: return "stop_vmm";
    case VmState::kDeleting: return "tear_down_vm";
    case VmState::kCreated:
    case VmState::kStopped:
    case VmState::kError: return {};
  }
  return {};
}

struct Planner {
  const Fleet& fleet;
  const Observation& observation;
  const PlanContext& context;
  Plan result{};

  const std::vector<InFlight>& under_way(StreamId subject) const {
    static const std::vector<InFlight> kNone;
    auto found = context.in_flight.find(subject);
    return found == context.in_flight.end() ? kNone : found->second;
  }

  bool running(StreamId subject, std::string_view effect) const {
    return std::ranges::any_of(under_way(subject), [&](const InFlight& e) { return e.effect == effect; });
  }

  // Cancels what was begun for an overtaken intent, or outlived its state's deadline. True while anything but AwaitGuest is under way: two
  // effects on one VM's process never overlap.
  bool busy(const VmRuntime& vm) {
    StreamId subject = stream_of(vm.id);
    std::string_view wanted = effect_of(vm.state);
    bool busy = false;
    for (const InFlight& effect : under_way(subject)) {
      bool overtaken = effect.fence != vm.fence || effect.effect != wanted;
      if (overtaken && !effect.cancelling && !corrects(effect.effect)) {
        result.effects.push_back(CancelEffects{subject, effect.fence});
      }
      busy |= overtaken || effect.effect != "await_guest";
    }
    return busy;
  }

  // Processes that must not be there: all where none is wanted, else those of another incarnation and
  // duplicates (the oldest one is the VM). Gives what is left.
  Presence settle_process(const VmRuntime& vm, bool wanted) {
    if (!observation.processes_known || observation.disturbed.contains(vm.id)) {
      result.wants_observation |= observation.processes_known;
      return Presence::kUnknown;
    }
    Presence presence = Presence::kAbsent;
    auto seen = observation.vmms.find(vm.id);
    if (seen == observation.vmms.end()) return presence;
    for (const VmmSighting& vmm : seen->second) {
      bool right = wanted && vmm.incarnation == vm.incarnation;
      if (right && presence == Presence::kAbsent) {
        presence = Presence::kRight;
        continue;
      }
      Condition condition = !wanted ? Condition::kUnwanted
                            : right ? Condition::kDuplicate
                                    : Condition::kStale;
      kill(vm, vmm, condition);
    }
    return presence;
  }

  void kill(const VmRuntime& vm, const VmmSighting& vmm, Condition condition) {
    if (running(stream_of(vm.id), "kill_stray")) return;
    result.effects.push_back(
        KillStray{vm.id, vmm.process,
                  DriftCorrected{ResourceClass::kVmm, condition, "vm-" + vm.id.hex(),
                                 CorrectiveAction::kKilled,
                                 "a VMM of incarnation " + std::to_string(vmm.incarnation) +
                                     " runs while the VM is " + std::string(name_of(vm.state)) +
                                     " at incarnation " + std::to_string(vm.incarnation)}});
  }

  // What a crash, or somebody who had it open at the end, has left in the kernel: after its processes.
  void plan_down(const VmRuntime& vm) {
    bool known = settle_process(vm, false) != Presence::kUnknown;
    if (!known || observation.vmms.contains(vm.id)) return;
    auto held = held_of(vm.id, Condition::kUnwanted, CorrectiveAction::kRemoved,
                        "the kernel holds it while the VM is " + std::string(name_of(vm.state)));
    if (!held.empty()) result.effects.push_back(ReleaseHandles{vm.id, std::move(held)});
  }

  // What the look saw of a VM's handles other than its process.
  std::vector<DriftCorrected> held_of(VmId id, Condition condition, CorrectiveAction action,
                                      const std::string& why) const {
    std::vector<DriftCorrected> held;
    if (auto disk = observation.disks.find(id); disk != observation.disks.end()) {
      ResourceClass resource = disk->second.device ? ResourceClass::kDmSnapshot : ResourceClass::kLoop;
      held.push_back({resource, condition, "disk-" + id.hex(), action, why});
    }
    if (observation.taps.contains(id)) held.push_back({ResourceClass::kTap, condition, "tap-" + id.hex(), action, why});
    return held;
  }

  void plan_running(const VmRuntime& vm) {
    switch (settle_process(vm, true)) {
      case Presence::kAbsent:
        result.effects.push_back(
            Settle{ReportGone{vm.id, vm.incarnation, std::nullopt, "the VMM is gone: no process of it was found"}});
        return;
      case Presence::kUnknown:
      case Presence::kRight:
        if (observation.links_known && !vm.guest_ip.empty() && !vm.cut_off && !observation.disturbed.contains(vm.id) &&
            !observation.taps.contains(vm.id)) {
          result.effects.push_back(Settle{ReportDrift{
              vm.id, DriftCorrected{ResourceClass::kTap, Condition::kAbsent, "tap-" + vm.id.hex(),
                                    CorrectiveAction::kReported,
                                    "its tap was taken from it, and its VMM cannot be given another: restart the VM"}}});
        }
        bool awaited = running(stream_of(vm.id), "await_guest");
        if (!vm.ready && ssh_endpoint(vm) && !awaited) result.effects.push_back(AwaitGuest{vm});
    }
  }

  void plan_vm(const VmRuntime& vm) {
    StreamId subject = stream_of(vm.id);
    if (fleet.parked.contains(subject) || busy(vm) || context.held.contains(subject)) return;
    switch (vm.state) {
      case VmState::kCreated:
      case VmState::kStopped:
      case VmState::kError: plan_down(vm); return;
      // The drivers of these three look at the host themselves before they act, so they are right whatever
      // is there: a VMM that is up is adopted by a start, one that is gone ends a stop.
      case VmState::kStarting: result.effects.push_back(SpawnVmm{vm}); return;
      case VmState::kStopping: result.effects.push_back(StopVmm{vm}); return;
      case VmState::kDeleting: result.effects.push_back(TearDownVm{vm}); return;
      case VmState::kRunning: plan_running(vm); return;
    }
  }

  void plan_image(const Image& image) {
    StreamId subject = stream_of(image.id);
    if (fleet.parked.contains(subject) || context.held.contains(subject)) return;
    const auto& effects = under_way(subject);
    for (const InFlight& effect : effects) {
      if (effect.fence != image.fence && !effect.cancelling) {
        result.effects.push_back(CancelEffects{subject, effect.fence});
      }
    }
    if (!effects.empty()) return;
    switch (image.state) {
      case ImageState::kMaking: result.effects.push_back(BuildImage{image}); return;
      case ImageState::kDeleting: result.effects.push_back(RemoveImage{image}); return;
      case ImageState::kReady:
      case ImageState::kFailed: return;
    }
  }

  // A guest that is being deleted may still run: bridge and rules stay until it is gone.
  bool last_guest_goes() const {
    return std::ranges::any_of(fleet.vms, [](const auto& each) {
      return each.second.state == VmState::kDeleting && !each.second.guest_ip.empty();
    });
  }

  // The network is all bridged guests' together, and so it has no VM to be planned with.
  void plan_network() {
    if (!under_way(kHostStream).empty() || context.held.contains(kHostStream)) return;
    GuestNetwork wanted = network_of(fleet);
    if (wanted.empty() && last_guest_goes()) return;  // its end is an event, and comes back here
    const NetworkSighting seen = observation.network;
    const bool left = seen == NetworkSighting::kAsLeft || seen == NetworkSighting::kDamaged;
    const bool gone = seen == NetworkSighting::kAbsent || seen == NetworkSighting::kDamaged;
    if (wanted != context.network) {
      result.effects.push_back(SetNetwork{std::move(wanted), std::nullopt});
    } else if (wanted.empty() ? left : gone) {
      const auto condition = wanted.empty()                       ? Condition::kUnwanted
                             : seen == NetworkSighting::kAbsent ? Condition::kAbsent
                                                                 : Condition::kDamaged;
      DriftCorrected finding{ResourceClass::kNetwork, condition, "network",
                             wanted.empty() ? CorrectiveAction::kRemoved : CorrectiveAction::kRestored,
                             std::to_string(wanted.size()) + " guests run on it"};
      result.effects.push_back(SetNetwork{std::move(wanted), std::move(finding)});
    }
  }

  // One VM's part in it: what the others' are has been planned with them.
  void plan_network_of(VmId id) {
    if (!context.network) return plan_network();
    const VmRuntime* vm = fleet.vm(id);
    const auto was = std::ranges::lower_bound(*context.network, id, {}, &BridgedGuest::vm);
    const bool is_set = was != context.network->end() && was->vm == id;
    if ((vm ? bridged_guest(*vm) : std::nullopt) != (is_set ? std::optional(*was) : std::nullopt)) plan_network();
  }

  // What carries a name of ours and belongs to no VM or image in the log: told once, and not touched.
  void report_unowned(DriftCorrected finding) {
    if (fleet.host.reported.contains(finding.derived_name)) return;
    result.effects.push_back(Settle{ReportDrift{std::nullopt, std::move(finding)}});
  }

  std::set<VmId> unknown_vms() const {
    std::set<VmId> unknown;
    const auto note = [&](VmId id) {
      bool going = context.in_flight.contains(stream_of(id)) || observation.disturbed.contains(id);
      if (!fleet.vms.contains(id) && !going) unknown.insert(id);
    };
    if (observation.processes_known) {
      for (const auto& [id, vmms] : observation.vmms) note(id);
    }
    for (const auto& [id, disk] : observation.disks) note(id);
    for (VmId id : observation.taps) note(id);
    if (observation.directories_known) {
      for (VmId id : observation.vm_directories) note(id);
    }
    return unknown;
  }

  void plan_unknown_vm(VmId id) {
    // One whose stream is parked may be known after all, to a daemon that can read it.
    const bool sweep = context.sweep && observation.processes_known && !fleet.parked.contains(stream_of(id));
    const auto action = sweep ? CorrectiveAction::kRemoved : CorrectiveAction::kReported;
    const std::string why = "the log has no such VM";
    auto findings = held_of(id, Condition::kUnowned, action, why);
    if (observation.processes_known && observation.vmms.contains(id)) {
      findings.push_back({ResourceClass::kVmm, Condition::kUnowned, "vm-" + id.hex(), action, why});
    }
    if (observation.directories_known && observation.vm_directories.contains(id)) {
      findings.push_back({ResourceClass::kVmDirectory, Condition::kUnowned, "vm-directory-" + id.hex(), action, why});
    }
    if (!sweep) {
      for (DriftCorrected& finding : findings) report_unowned(std::move(finding));
    } else if (!context.held.contains(stream_of(id))) {
      result.effects.push_back(SweepVm{id, std::move(findings)});
    }
  }

  void plan_leftovers() {
    for (VmId id : unknown_vms()) plan_unknown_vm(id);
    if (!observation.directories_known) return;
    for (ImageId id : observation.image_directories) {
      if (!fleet.images.contains(id)) {
        report_unowned({ResourceClass::kImageDirectory, Condition::kUnowned, "image-directory-" + id.hex(),
                        CorrectiveAction::kReported, "the log has no such image"});
      }
    }
  }
};

}  // namespace

Plan plan(const Fleet& fleet, const Observation& observation, const PlanContext& context) {
  Planner planner{fleet, observation, context};
  for (const auto& [id, vm] : fleet.vms) planner.plan_vm(vm);
  for (const auto& [id, image] : fleet.images) planner.plan_image(image);
  planner.plan_network();
  planner.plan_leftovers();
  return std::move(planner.result);
}

Plan plan_subject(const Fleet& fleet, const Observation& observation, const PlanContext& context,
                  StreamId subject) {
  Planner planner{fleet, observation, context};
  switch (subject.kind) {
    case StreamKind::kHost: planner.plan_network(); break;
    case StreamKind::kVm:
      if (const VmRuntime* vm = fleet.vm(VmId{subject.id})) planner.plan_vm(*vm);
      planner.plan_network_of(VmId{subject.id});
      break;
    case StreamKind::kImage:
      if (const Image* image = fleet.image(ImageId{subject.id})) planner.plan_image(*image);
      break;
  }
  return std::move(planner.result);
}

std::optional<std::uint64_t> deadline_ms(const VmRuntime& vm) {
  constexpr std::uint64_t kStopGraceMs = 30'000;  // for the driver's own escalation, before we insist
  switch (vm.state) {
    case VmState::kStarting: return vm.start_timeout_ms;
    case VmState::kRunning:
      if (vm.ready || vm.ready_missed || !ssh_endpoint(vm)) return std::nullopt;
      return vm.ready_timeout_ms;
    case VmState::kStopping:
      if (vm.stop_mode == StopMode::kForced) return std::nullopt;
      return vm.stop_timeout_ms + kStopGraceMs;
    case VmState::kCreated:
    case VmState::kStopped:
    case VmState::kError:
    case VmState::kDeleting: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace banger
