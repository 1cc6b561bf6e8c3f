#include "drivers/effects/vmm_drivers.h"

#include "drivers/host/child.h"

namespace banger::effects {
namespace {

Status fits(const VmmDriver& driver, const VmRuntime& vm, const image::ImageInfo& image,
            const VmmDrivers::DiskFits& disk_fits) {
  BANGER_TRY(driver.can_run(vm, image));
  return disk_fits(driver.raw_disks_only());
}

}  // namespace

VmmDrivers::VmmDrivers(const HostConfig& config, Accelerator& accelerator)
    : config_(config), accelerator_(accelerator), qemu_(config, accelerator), firecracker_(config) {}

Status VmmDrivers::firecracker_usable(const std::string& kernel) const {
  if (auto found = host::find_program(config_.firecracker_program); !found) return std::unexpected(found.error());
  auto acceleration = accelerator_.decide(kernel);
  if (!acceleration) return std::unexpected(acceleration.error());
  if (acceleration->accel != vmm::Accel::kKvm) return fail("no KVM: " + acceleration->why);
  return {};
}

Result<const VmmDriver*> VmmDrivers::choose(const VmRuntime& vm, const image::ImageInfo& image,
                                            const DiskFits& disk_fits) const {
  const VmmDriver* chosen = &qemu_;
  switch (config_.vmm) {
    case VmmChoice::kFirecracker: chosen = &firecracker_; break;
    case VmmChoice::kQemu: break;
    case VmmChoice::kAuto:
      if (fits(firecracker_, vm, image, disk_fits) && firecracker_usable(image.kernel)) return &firecracker_;
  }
  if (auto can = fits(*chosen, vm, image, disk_fits); !can) return std::unexpected(can.error());
  return chosen;
}

const VmmDriver& VmmDrivers::of(VmmKind kind) const {
  switch (kind) {
    case VmmKind::kQemu: return qemu_;
    case VmmKind::kFirecracker: break;
  }
  return firecracker_;
}

Status VmmDrivers::remove(VmId vm) const {
  BANGER_TRY(qemu_.remove(vm));
  return firecracker_.remove(vm);
}

std::string VmmDrivers::describe() const {
  const std::string jailed = config_.jailer.empty() ? "" : ", in its jailer";
  if (config_.vmm != VmmChoice::kAuto) {
    const std::string name(name_of(config_.vmm));
    return name + " (configured" + (config_.vmm == VmmChoice::kFirecracker ? jailed : "") + ")";
  }
  if (auto found = host::find_program(config_.firecracker_program); !found) {
    return "qemu (" + found.error().message + ")";
  }
  const std::string accelerator = accelerator_.describe();
  if (accelerator.starts_with("kvm")) {
    return "firecracker (it and KVM are there" + jailed + "), qemu for what it cannot do";
  }
  if (accelerator.starts_with("tcg")) return "qemu (no KVM for Firecracker)";
  return "firecracker where KVM is usable (" + accelerator + ")";
}

}  // namespace banger::effects
