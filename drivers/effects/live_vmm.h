// LiveVmm: one running VMM under the daemon's eyes: its process, its QMP, its console. Made when a VMM was
// spawned or adopted; lives on the loop until the process has ended. Destroying it only ends the watching.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "drivers/effects/qmp_monitor.h"
#include "drivers/effects/vm_steps.h"
#include "drivers/uv/process_watch.h"
#include "drivers/vmm/console.h"
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
    std::function<void()> up;             // it answers over QMP; at most once
    std::function<void(VmmEnd)> ended;    // its process is gone; once, and the last call
  };

  [[nodiscard]] static Result<std::unique_ptr<LiveVmm>> open(uv::Loop& loop, const HostConfig& config, VmId vm,
                                                             Vmm vmm, Callbacks callbacks);

  [[nodiscard]] const VmmSighting& sighting() const { return sighting_; }
  [[nodiscard]] bool is_up() const { return up_; }
  void power_down() { monitor_.power_down(); }
  // Through the pidfd, so that it reaches this process or nobody.
  void signal(int number);

 private:
  LiveVmm(uv::Loop& loop, const VmPaths& paths, VmmSighting sighting, Fd console, Callbacks callbacks);
  void console_readable();
  void process_ended(std::optional<uv::ExitStatus> status);
  [[nodiscard]] VmmEnd describe(std::optional<uv::ExitStatus> status);

  VmPaths paths_;
  VmmSighting sighting_;
  Callbacks callbacks_;
  bool up_ = false;
  Fd console_;
  std::optional<vmm::CappedLog> log_;
  std::optional<uv::Poll> console_poll_;
  uv::Timer console_pause_;  // while no VMM has the pipe open it would poll readable for ever
  QmpMonitor monitor_;
  std::optional<uv::ProcessWatch> watch_;
};

}  // namespace banger::effects
