// Firecracker, by itself or in its jailer: it is started with next to nothing, and told the rest over its API
// (drivers/vmm/firecracker). It takes raw disks and an uncompressed kernel, and has no user networking.
#pragma once

#include "drivers/effects/host_config.h"
#include "drivers/effects/vmm/vmm_driver.h"

namespace banger::effects {

class FirecrackerDriver : public VmmDriver {
 public:
  // Which must outlive it.
  explicit FirecrackerDriver(const HostConfig& config) : config_(config) {}

  [[nodiscard]] VmmKind kind() const override { return VmmKind::kFirecracker; }
  [[nodiscard]] std::string_view name() const override { return "firecracker"; }
  [[nodiscard]] bool raw_disks_only() const override { return true; }
  [[nodiscard]] Status can_run(const VmRuntime& vm, const image::ImageInfo& image) const override;
  [[nodiscard]] Result<VmmLaunch> prepare(const VmmOrder& order) const override;
  [[nodiscard]] bool was_started(const VmPaths& paths, VmId vm, const VmmSighting& sighting) const override;
  [[nodiscard]] std::unique_ptr<VmmMonitor> watch(Watched watched) const override;
  [[nodiscard]] Status remove(VmId vm) const override;

 private:
  const HostConfig& config_;
};

}  // namespace banger::effects
