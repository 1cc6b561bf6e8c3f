// Which processes of the host are VMMs of ours. Straight-line functions for a worker thread; they change nothing. A
// process counts as a VM's only on proof: a VMM's executable, run by us, with the VM's API socket as the very
// argument that names it. Whatever merely mentions the path (an editor, a grep, the daemon itself) does not.
// However a process was found, the proof is this one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/observation.h"
#include "engine/paths.h"
#include "events/result.h"

namespace banger::observe {

struct Where {
  std::string proc = "/proc";
  // Base names, or whole paths, of executables that are VMMs.
  std::vector<std::string> vmm_programs{"qemu-system-x86_64", "firecracker"};
};

struct Processes {
  std::map<VmId, std::vector<VmmSighting>> vmms;  // oldest process first
  std::set<VmId> disturbed;  // some process says that it is theirs, and the rest of the proof could not be read

  friend bool operator==(const Processes&, const Processes&) = default;
};

// An Error: the look failed, and nothing is known.
[[nodiscard]] Result<Processes> find_vmms(const Layout& layout, BootId boot, const Where& where = {});
// Those among `pids`, where somebody else has found those that may be. One that has ended meanwhile is no VMM.
[[nodiscard]] Result<Processes> prove_vmms(const std::vector<std::int32_t>& pids, const Layout& layout, BootId boot,
                                           const Where& where = {});

}  // namespace banger::observe
