// VmmMonitor: the daemon's conversation with one VMM, on the loop and for as long as the VMM lives: it tells when the
// VMM is up and how it came to shut down, and asks the guest to go down. Two implementations: QEMU over QMP, Firecracker
// over HTTP. Owned by a LiveVmm. Never ends the process: that is for whoever hears of it.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "drivers/uv/loop.h"
#include "drivers/uv/spawn.h"
#include "drivers/uv/worker_pool.h"
#include "drivers/vmm/qmp_client.h"
#include "engine/observation.h"
#include "engine/paths.h"
#include "events/result.h"

namespace banger::effects {

// What a VMM that was just spawned is told before its guest runs: blocks a worker thread, each call with a limit. Gives
// up soon once `cancelled`. After an error the VMM is of no more use. Empty: its argv says all, or it was told before.
using SetUp = std::function<Status(const std::atomic<bool>& cancelled)>;

struct Watched {
  uv::Loop& loop;
  uv::WorkerPool& workers;  // for calls that block
  VmPaths paths;
  VmId vm;
  VmmSighting sighting;
  SetUp set_up;
  std::uint64_t log_bytes = 0;          // kept of what the VMM says of itself
  std::function<void()> up;             // it answers, and was told everything; at most once
  std::function<void(std::string)> failed;  // it cannot be brought up, and why; at most once, and never after `up`
};

class VmmMonitor {
 public:
  virtual ~VmmMonitor() = default;

  // Asks the guest to go down, once the VMM is up; before, that waits. May be repeated while the guest does not hear.
  virtual void power_down() = 0;
  // What it said of its end, for a process that has ended with `status` (empty: not our child). Reads what is left
  // first: its last words come with its death.
  [[nodiscard]] virtual std::optional<vmm::Shutdown> last_words(std::optional<uv::ExitStatus> status) = 0;
};

}  // namespace banger::effects
