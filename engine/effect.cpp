#include "engine/effect.h"

namespace banger {

std::string_view name_of(const Effect& effect) {
  return std::visit(Overloaded{[](const SpawnVmm&) { return "spawn_vmm"; },
                               [](const AwaitGuest&) { return "await_guest"; },
                               [](const StopVmm&) { return "stop_vmm"; },
                               [](const TearDownVm&) { return "tear_down_vm"; },
                               [](const KillStray&) { return "kill_stray"; },
                               [](const ReleaseHandles&) { return "release_handles"; },
                               [](const SweepVm&) { return "sweep_vm"; },
                               [](const SetNetwork&) { return "set_network"; },
                               [](const BuildImage&) { return "build_image"; },
                               [](const RemoveImage&) { return "remove_image"; },
                               [](const Settle&) { return "settle"; },
                               [](const CancelEffects&) { return "cancel_effects"; }},
                    effect);
}

bool corrects(std::string_view effect) {
  return effect == "kill_stray" || effect == "release_handles" || effect == "sweep_vm" || effect == "set_network";
}

StreamId subject_of(const Effect& effect) {
  return std::visit(
      Overloaded{[](const SpawnVmm& e) { return stream_of(e.vm.id); },
                 [](const AwaitGuest& e) { return stream_of(e.vm.id); },
                 [](const StopVmm& e) { return stream_of(e.vm.id); },
                 [](const TearDownVm& e) { return stream_of(e.vm.id); },
                 [](const KillStray& e) { return stream_of(e.vm); },
                 [](const ReleaseHandles& e) { return stream_of(e.vm); },
                 [](const SweepVm& e) { return stream_of(e.vm); },
                 [](const SetNetwork&) { return kHostStream; },
                 [](const BuildImage& e) { return stream_of(e.image.id); },
                 [](const RemoveImage& e) { return stream_of(e.image.id); },
                 [](const Settle&) { return kHostStream; },
                 [](const CancelEffects& e) { return e.subject; }},
      effect);
}

Sequence fence_of(const Effect& effect) {
  return std::visit(Overloaded{[](const SpawnVmm& e) { return e.vm.fence; },
                               [](const AwaitGuest& e) { return e.vm.fence; },
                               [](const StopVmm& e) { return e.vm.fence; },
                               [](const TearDownVm& e) { return e.vm.fence; },
                               [](const KillStray&) { return Sequence{0}; },
                               [](const ReleaseHandles&) { return Sequence{0}; },
                               [](const SweepVm&) { return Sequence{0}; },
                               [](const SetNetwork&) { return Sequence{0}; },
                               [](const BuildImage& e) { return e.image.fence; },
                               [](const RemoveImage& e) { return e.image.fence; },
                               [](const Settle&) { return Sequence{0}; },
                               [](const CancelEffects& e) { return e.fence; }},
                    effect);
}

}  // namespace banger
