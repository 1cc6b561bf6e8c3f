// What the effects of this folder need to know of this host and of the configuration; fixed for a daemon's life.
#pragma once

#include <string>

#include "drivers/observe/processes.h"
#include "engine/paths.h"

namespace banger::effects {

enum class AccelChoice { kAuto, kKvm, kTcg };
[[nodiscard]] std::string_view name_of(AccelChoice choice);  // as in the configuration
enum class VmmChoice { kAuto, kQemu, kFirecracker };
[[nodiscard]] std::string_view name_of(VmmChoice choice);

struct HostConfig {
  Layout layout;
  BootId boot;
  VmmChoice vmm = VmmChoice::kAuto;
  std::string vmm_program = "qemu-system-x86_64";
  std::string firecracker_program = "firecracker";
  std::string jailer;  // absolute; empty: Firecracker runs without it
  std::uint32_t first_jail_uid = 0;  // jailed VMs run as users of their own out of so many from here on
  std::uint32_t jail_uids = 0;
  AccelChoice accel = AccelChoice::kAuto;
  std::uint64_t console_bytes = 4 << 20;  // kept of each guest's console
  std::uint16_t resolver_port = 5354;     // of names of bridged guests, on 127.0.0.1; 0: none
  observe::Where where;                   // where processes are looked for, and which count as VMMs
};

}  // namespace banger::effects
