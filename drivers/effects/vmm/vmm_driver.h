// VmmDriver: how VMs are run in one kind of VMM: what it cannot do, what it is started with, how one that runs is watched,
// and what it leaves. Two implementations: QEMU and Firecracker; vmm_drivers.h chooses. Any thread may use one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/disk/disk.h"
#include "drivers/effects/vmm/guest_facts.h"
#include "drivers/effects/vmm/vmm_monitor.h"
#include "drivers/image/image_store.h"
#include "engine/state.h"

namespace banger::effects {

// What a VMM is to be started for. Borrowed, for the length of a call.
struct VmmOrder {
  const VmRuntime& vm;
  const VmPaths& paths;
  const image::ImageInfo& image;
  const disk::VmmDisk& disk;
  const VmHandles& handles;  // its tap
  const std::optional<GuestAddress>& bridged;
};

struct VmmLaunch {
  std::vector<std::string> argv;
  std::string jail;  // as VmmSighting has it
  SetUp set_up;
  std::optional<std::uint32_t> runs_as;  // a user of its own, who must be let to what it opens
};

class VmmDriver {
 public:
  virtual ~VmmDriver() = default;
  [[nodiscard]] virtual VmmKind kind() const = 0;
  [[nodiscard]] virtual std::string_view name() const = 0;  // as in the configuration
  [[nodiscard]] virtual bool raw_disks_only() const = 0;

  // What this VMM cannot do for that VM, and what to do about it. Looks at files only.
  [[nodiscard]] virtual Status can_run(const VmRuntime& vm, const image::ImageInfo& image) const = 0;
  // Makes what the VMM needs to find, and removes what an earlier one left in its place. Blocks; may be repeated.
  [[nodiscard]] virtual Result<VmmLaunch> prepare(const VmmOrder& order) const = 0;
  // Whether the guest of one that is found running was started, and may be adopted by a start. Blocks for a few seconds
  // at worst. False: an earlier daemon died before it had told it everything, or it does not answer.
  [[nodiscard]] virtual bool was_started(const VmPaths& paths, VmId vm, const VmmSighting& sighting) const = 0;
  // Only on the loop.
  [[nodiscard]] virtual std::unique_ptr<VmmMonitor> watch(Watched watched) const = 0;
  // Nothing of its own is left of a VM without a VMM, besides what lies in the VM's directory.
  [[nodiscard]] virtual Status remove(VmId vm) const = 0;
};

}  // namespace banger::effects
