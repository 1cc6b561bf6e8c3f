// One effect under way in HostEffects; private to it.
#pragma once

#include "drivers/effects/host_effects.h"

namespace banger::effects {

struct HostEffects::Task : std::enable_shared_from_this<Task> {
  StreamId subject;
  Sequence fence = 0;
  std::function<void(EffectEnd)> done;
  std::atomic<bool> cancelled = false;  // read by worker threads
  bool gives_up = false;                // it only waits: cancelling ends it at once
  bool forced = false;                  // the VMM was made to end
  bool finished = false;
  std::function<void()> on_up;          // the VM's VMM answers
  std::function<void(VmmEnd)> on_end;   // the VM's VMM has ended
  std::unique_ptr<GuestWait> wait;
  std::unique_ptr<uv::Timer> timer;         // presses the power button
  std::unique_ptr<uv::Timer> term_timer;    // gives the VMM time to close its disks
  std::unique_ptr<uv::Timer> kill_timer;    // gives the kernel time to end it

  void stop_waiting() {
    timer.reset();
    term_timer.reset();
    kill_timer.reset();
    wait.reset();
  }
};

}  // namespace banger::effects
