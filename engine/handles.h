// VmHandles: what the kernel holds for a VM right now. In memory and, as a hint, in the VM's handles.json;
// never in an event, a projection or a stored key. Whoever reads one verifies it against the host before use.
#pragma once

#include <cstdint>
#include <string>

#include "events/ids.h"

namespace banger {

// One process for all time: a pid alone is reused within a boot, and pids start over at each boot.
struct ProcessIdentity {
  BootId boot;
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: clock ticks since boot

  friend auto operator<=>(const ProcessIdentity&, const ProcessIdentity&) = default;
};

struct VmHandles {
  ProcessIdentity vmm;
  std::uint32_t incarnation = 0;
  // Acquired where the host has them (bridge networking, device-mapper); empty otherwise.
  std::string tap_device;
  std::string base_loop;
  std::string cow_loop;
  std::string dm_name;
  std::string dm_device;

  friend bool operator==(const VmHandles&, const VmHandles&) = default;
};

}  // namespace banger
