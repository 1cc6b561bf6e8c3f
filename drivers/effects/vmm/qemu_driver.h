// QEMU's microvm, with KVM or without: everything is in its argv, and it is talked to over QMP.
#pragma once

#include "drivers/effects/host_config.h"
#include "drivers/effects/vmm/accelerator.h"
#include "drivers/effects/vmm/vmm_driver.h"

namespace banger::effects {

class QemuDriver : public VmmDriver {
 public:
  // Both must outlive it.
  QemuDriver(const HostConfig& config, Accelerator& accelerator) : config_(config), accelerator_(accelerator) {}

  [[nodiscard]] VmmKind kind() const override { return VmmKind::kQemu; }
  [[nodiscard]] std::string_view name() const override { return "qemu"; }
  [[nodiscard]] bool raw_disks_only() const override { return false; }
  [[nodiscard]] Status can_run(const VmRuntime& vm, const image::ImageInfo& image) const override;
  [[nodiscard]] Result<VmmLaunch> prepare(const VmmOrder& order) const override;
  // It starts its guest by itself.
  [[nodiscard]] bool was_started(const VmPaths&, VmId, const VmmSighting&) const override { return true; }
  [[nodiscard]] std::unique_ptr<VmmMonitor> watch(Watched watched) const override;
  [[nodiscard]] Status remove(VmId) const override { return {}; }

 private:
  const HostConfig& config_;
  Accelerator& accelerator_;
};

}  // namespace banger::effects
