// LiveVmm: one running VMM under the daemon's eyes: its process, its API, its console. Made when a VMM was
// spawned or adopted; lives on the loop until the process has ended. Destroying it only ends the watching.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/effects/vm_steps.h"
#include "drivers/effects/vmm/pipe_log.h"
#include "drivers/uv/process_watch.h"
#include "events/types.h"

namespace banger::effects {

// How a VMM came to its end, as far as can be told.
struct VmmEnd {
  std::optional<StoppedBy> by;  // kGuest where the guest ended it; nothing where it died
  std::string reason;
  DeathCause cause = DeathCause::kUnknown;
  std::uint32_t code = 0;  // exit code or signal number
};

class LiveVmm {
 public:
  struct Callbacks {
    std::function<void()> up;             // it answers, and its guest runs; at most once
    std::function<void(VmmEnd)> ended;    // its process is gone; once, and the last call
  };

  // `workers`: for calls to the VMM that block. One that cannot be brought up is ended, and `ended` says why.
  [[nodiscard]] static Result<std::unique_ptr<LiveVmm>> open(uv::Loop& loop, uv::WorkerPool& workers,
                                                             const StepTools& tools, VmId vm, Vmm vmm,
                                                             Callbacks callbacks);

  [[nodiscard]] const VmmSighting& sighting() const { return sighting_; }
  [[nodiscard]] bool is_up() const { return up_; }
  void power_down() { monitor_->power_down(); }
  // Through the pidfd, so that it reaches this process or nobody.
  void signal(int number);

 private:
  LiveVmm(VmPaths paths, VmmSighting sighting, Callbacks callbacks)
      : paths_(std::move(paths)), sighting_(std::move(sighting)), callbacks_(std::move(callbacks)) {}
  void could_not_be_set_up(std::string why);
  void process_ended(std::optional<uv::ExitStatus> status);
  [[nodiscard]] VmmEnd describe(std::optional<uv::ExitStatus> status);

  VmPaths paths_;
  VmmSighting sighting_;
  Callbacks callbacks_;
  bool up_ = false;
  std::string set_up_failure_;  // why it was ended by us; empty: it was not
  std::unique_ptr<PipeLog> console_;
  std::unique_ptr<VmmMonitor> monitor_;
  std::optional<uv::ProcessWatch> watch_;
};

}  // namespace banger::effects
