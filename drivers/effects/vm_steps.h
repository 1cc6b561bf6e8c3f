// What is done to the host for a VM, as straight-line steps for a worker thread. Each looks before it acts and
// may be repeated after a crash at any point: done already is done. Order of a start: look, directory, keys,
// disk, network, ports, VMM; a failure says at which stage, and lets go of what the kernel holds for the VM by then.
#pragma once

#include <atomic>

#include "drivers/disk/disks.h"
#include "drivers/effects/host_config.h"
#include "drivers/effects/network/guest_links.h"
#include "drivers/effects/vmm_drivers.h"
#include "drivers/image/image_store.h"
#include "drivers/observe/handles_file.h"
#include "drivers/observe/process.h"
#include "drivers/uv/fd.h"
#include "engine/effect.h"

namespace banger::effects {

struct StartFailure {
  StartStage stage = StartStage::kPreflight;
  std::string message;
  std::uint16_t busy_port = 0;  // at kPorts: which
};

// A VMM process that is ours, with what is needed to watch it.
struct Vmm {
  VmmSighting sighting;
  Fd pidfd;
  Fd console;  // the reading end of its console; none where it could not be opened
  bool adopted = false;
  SetUp set_up;  // what it must be told yet
};

struct StepTools {
  const HostConfig& config;
  const VmmDrivers& vmms;
  const image::ImageStore& images;
  observe::HandleCache& handles;
  const disk::Disks& disks;
  GuestLinks& links;
};

// Has this incarnation's VMM process running: finds it, or makes everything that it needs and spawns it.
[[nodiscard]] std::expected<Vmm, StartFailure> start_vmm(const StepTools& tools, const VmRuntime& vm,
                                                         const std::atomic<bool>& cancelled);

// The VMM of an incarnation that is seen running, to be watched.
[[nodiscard]] Result<Vmm> adopt_vmm(const HostConfig& config, VmId vm, const VmmSighting& sighting);

// The VM's processes as they are now. An Error where the look failed.
[[nodiscard]] Result<std::vector<VmmSighting>> look_for(const HostConfig& config, VmId vm);

// Ends one process for good: SIGKILL by pidfd, and waits until it is gone, at most a few seconds.
[[nodiscard]] Status kill_process(const ProcessIdentity& process);

// Whether a VM that is down may have left something with the kernel on such a host.
[[nodiscard]] bool may_hold_handles(const StepTools& tools, VmId vm);

// For a VMM of a start that cannot go on because nothing can watch it: ended, reaped where it is our child, its handles let go.
[[nodiscard]] Status abandon_vmm(const StepTools& tools, VmId vm, const ProcessIdentity& process);

// The kernel holds neither tap nor disk of the VM any more, and its jail is gone; the disk's files stay. For a VM without a VMM. EBUSY where somebody
// has the disk open: it is tried again when the host is looked at the next time.
[[nodiscard]] Status release_handles(const StepTools& tools, VmId vm);

// The same for a VM that was seen to be down with something left. Gives those findings that were still so.
[[nodiscard]] Result<std::vector<DriftCorrected>> release_stray(const StepTools& tools, const ReleaseHandles& stray);

// Nothing of the VM is left: its processes are killed, its tap and disk are let go, its directory removed, and all are seen to be gone.
[[nodiscard]] Status remove_vm(const StepTools& tools, VmId vm);

}  // namespace banger::effects
