#include "engine/guest_network.h"

namespace banger {

GuestNetwork network_of(const Fleet& fleet) {
  GuestNetwork network;
  for (const auto& [id, vm] : fleet.vms) {
    const bool up = vm.state == VmState::kStarting || vm.state == VmState::kRunning || vm.state == VmState::kStopping;
    if (!up || vm.guest_ip.empty()) continue;
    network.push_back({id, vm.name, vm.guest_ip, vm.settings.open, vm.settings.ports});
  }
  return network;
}

}  // namespace banger
