#include "drivers/effects/vmm/accelerator.h"

#include "drivers/vmm/kvm_probe.h"
#include "drivers/vmm/tsc.h"

namespace banger::effects {
namespace {

Result<Acceleration> tcg(std::string why) {
  auto rate = vmm::measure_tsc_khz();
  if (!rate) return std::unexpected(rate.error());
  return Acceleration{vmm::Accel::kTcg, *rate, std::move(why)};
}

Result<Acceleration> probe(AccelChoice choice, const std::string& cache_directory, const std::string& kernel) {
  if (choice == AccelChoice::kKvm) return Acceleration{vmm::Accel::kKvm, 0, "configured"};
  if (choice == AccelChoice::kTcg) return tcg("configured");
  auto verdict = vmm::probe_kvm({.kernel = kernel, .cache_directory = cache_directory});
  if (!verdict) return tcg("KVM could not be tried: " + verdict.error().message);
  if (!verdict->usable) return tcg(verdict->reason);
  return Acceleration{vmm::Accel::kKvm, 0, verdict->reason};
}

}  // namespace

Result<Acceleration> Accelerator::decide(const std::string& kernel) {
  std::lock_guard lock(mutex_);
  if (decided_) return *decided_;
  auto tried = probe(choice_, cache_directory_, kernel);
  if (tried) decided_ = *tried;
  return tried;
}

std::string Accelerator::describe() const {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return "being tried";
  if (!decided_) return "not tried yet";
  return std::string(decided_->accel == vmm::Accel::kKvm ? "kvm" : "tcg") + " (" + decided_->why + ")";
}

}  // namespace banger::effects
