// The observer `native`: one look at the host by reading /proc and our own directories, no program
// asked. A straight-line function for a worker thread; changes nothing. A process counts as a VM's
// only on proof: a VMM's executable, run by us, with the VM's API socket as the very argument that
// names it. Whatever merely mentions the path (an editor, a grep, the daemon itself) does not. A VMM in
// a jail runs as another user and names its socket as it is called in there: its proof is that its
// root directory is this VM's jail.
#pragma once

#include <string>
#include <vector>

#include "engine/observation.h"
#include "engine/paths.h"

namespace banger::observe {

struct Where {
  std::string proc = "/proc";
  // Base names, or whole paths, of executables that are VMMs.
  std::vector<std::string> vmm_programs{"qemu-system-x86_64", "firecracker"};
};

[[nodiscard]] Observation observe_native(const Layout& layout, BootId boot,
                                         const Where& where = {});

}  // namespace banger::observe
