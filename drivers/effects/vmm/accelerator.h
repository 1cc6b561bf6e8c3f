// KVM or TCG: decided once, when the first VM is started, because only a trial boot tells (drivers/vmm/kvm_probe).
// Used by worker threads; the decision is made by one of them while the others wait.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "drivers/effects/host_config.h"
#include "drivers/vmm/qemu_argv.h"
#include "events/result.h"

namespace banger::effects {

struct Acceleration {
  vmm::Accel accel = vmm::Accel::kTcg;
  std::uint64_t tsc_khz = 0;  // for TCG
  std::string why;
};

class Accelerator {
 public:
  Accelerator(AccelChoice choice, std::string cache_directory)
      : choice_(choice), cache_directory_(std::move(cache_directory)) {}

  // `kernel` is any guest kernel, for the trial.
  [[nodiscard]] Result<Acceleration> decide(const std::string& kernel);
  // What was decided, for `daemon status`; "not tried yet" before.
  [[nodiscard]] std::string describe() const;

 private:
  const AccelChoice choice_;
  const std::string cache_directory_;
  mutable std::mutex mutex_;
  std::optional<Acceleration> decided_;
};

}  // namespace banger::effects
