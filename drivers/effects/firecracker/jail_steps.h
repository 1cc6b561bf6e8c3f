// The jails of Firecrackers on disk: what drivers/vmm/firecracker/jail.h says must lie in a chroot, made and removed.
// Straight-line steps for a worker thread, which take root. May be repeated after a crash at any point: a jail is made
// anew for each start, and found again by its VM's id.
#pragma once

#include "drivers/effects/host_config.h"
#include "drivers/vmm/firecracker/jail.h"

namespace banger::effects {

// For a VM without a VMM: what earlier starts left is removed first. `spec` has the host's paths.
[[nodiscard]] Result<vmm::firecracker::Jail> make_jail(const HostConfig& config,
                                                       const vmm::firecracker::FirecrackerSpec& spec);

// All jails of that VM and their cgroups. What lies in them are links: what they link to stays.
[[nodiscard]] Status remove_jails(const Layout& layout, VmId vm);

}  // namespace banger::effects
