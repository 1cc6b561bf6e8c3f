// Which of a VM's host ports somebody else has. QEMU only says that forwarding could not be set up;
// this tells which port it was. Called before a VMM is spawned and after one failed to start. A
// free port may be taken a moment later.
#pragma once

#include <vector>

#include "drivers/vmm/qemu_argv.h"
#include "events/result.h"

namespace banger::vmm {

// Those of `forwards` that can't be listened on, in their order; an address that isn't this host's
// counts, too.
[[nodiscard]] Result<std::vector<PortForward>> busy_ports(const std::vector<PortForward>& forwards);

}  // namespace banger::vmm
