#include "engine/guest_network.h"

namespace banger {

std::optional<BridgedGuest> bridged_guest(const VmRuntime& vm) {
  const bool up = vm.state == VmState::kStarting || vm.state == VmState::kRunning || vm.state == VmState::kStopping;
  if (!up || vm.guest_ip.empty()) return std::nullopt;
  return BridgedGuest{vm.id, vm.name, vm.guest_ip, vm.settings.open, vm.settings.ports};
}

GuestNetwork network_of(const Fleet& fleet) {
  GuestNetwork network;
  for (const auto& [id, vm] : fleet.vms) {
    if (auto guest = bridged_guest(vm)) network.push_back(*std::move(guest));
  }
  return network;
}

}  // namespace banger
