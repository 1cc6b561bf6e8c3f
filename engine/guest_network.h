// What the host's network is to be for the guests that run on the bridge now: a value, folded from the fleet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/state.h"

namespace banger {

struct BridgedGuest {
  VmId vm;
  std::string name;     // <name>.vm
  std::string address;
  bool open = false;    // other guests may reach it
  std::vector<PortForward> ports;

  friend bool operator==(const BridgedGuest&, const BridgedGuest&) = default;
};

using GuestNetwork = std::vector<BridgedGuest>;  // by id; empty: no bridge is wanted

// Nothing for a VM that is not bridged, or down.
[[nodiscard]] std::optional<BridgedGuest> bridged_guest(const VmRuntime& vm);

// All bridged VMs whose VMM is up, or coming up, or not yet seen to be down.
[[nodiscard]] GuestNetwork network_of(const Fleet& fleet);

}  // namespace banger
