// Which VMM a VM is started in: what the configuration says, or with "auto" Firecracker where its binary and a usable
// KVM are there and it can do what the VM asks for, else QEMU. Decided at each start, before anything is acquired;
// a VM that runs is adopted whichever it is. Made once, when the daemon starts; any thread may use it then.
#pragma once

#include <functional>
#include <string>

#include "drivers/effects/firecracker/firecracker_driver.h"
#include "drivers/effects/vmm/qemu_driver.h"

namespace banger::effects {

class VmmDrivers {
 public:
  // Both must outlive it.
  VmmDrivers(const HostConfig& config, Accelerator& accelerator);

  // Whether the VM can have a disk that a VMM reads which takes raw disks only.
  using DiskFits = std::function<Status(bool raw_only)>;

  // An Error is for whoever wants that VM, and says what to do. May make a trial boot, once per boot of the host.
  [[nodiscard]] Result<const VmmDriver*> choose(const VmRuntime& vm, const image::ImageInfo& image,
                                                const DiskFits& disk_fits) const;
  [[nodiscard]] const VmmDriver& of(VmmKind kind) const;
  // Of all kinds; as VmmDriver::remove.
  [[nodiscard]] Status remove(VmId vm) const;
  // Whether VMMs here leave anything outside of their VM's directory.
  [[nodiscard]] bool leave_things() const { return !config_.jailer.empty(); }
  // For people: what new starts get, and why.
  [[nodiscard]] std::string describe() const;

 private:
  [[nodiscard]] Status firecracker_usable(const std::string& kernel) const;

  const HostConfig& config_;
  Accelerator& accelerator_;
  const QemuDriver qemu_;
  const FirecrackerDriver firecracker_;
};

}  // namespace banger::effects
