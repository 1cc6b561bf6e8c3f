// What a guest is told of itself, whichever VMM runs it: functions of its VM and the clock.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/image/image_store.h"
#include "drivers/vmm/qemu_argv.h"
#include "engine/state.h"

namespace banger::effects {

// The user's ports, and the one that banger comes in by.
[[nodiscard]] std::vector<PortForward> forwards_of(const VmRuntime& vm);

// Locally administered, and of this VM for ever.
[[nodiscard]] std::string mac_of(VmId vm);

// What a bridged guest is told of its network.
struct GuestAddress {
  std::string address;  // "172.16.0.2/24"
  std::string gateway;
  std::string dns;  // servers, separated by commas
};

// What its kernel command line says besides what the VMM needs.
[[nodiscard]] vmm::GuestBoot boot_of(const VmRuntime& vm, const image::ImageInfo& image,
                                     const std::optional<GuestAddress>& bridged);

}  // namespace banger::effects
