// Timer: calls back once or again and again, after milliseconds on the monotonic clock. Used for
// every deadline and tick of the daemon. Destroying it cancels it, also from within its callback.
#pragma once

#include <cstdint>
#include <memory>

#include "drivers/uv/loop.h"

namespace banger::uv {

class Timer {
 public:
  Timer(Loop& loop, Task callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Starting again replaces what was set before. The callback never runs from within these.
  void start_once(uint64_t delay_ms);
  void start_every(uint64_t period_ms);
  void stop();
  [[nodiscard]] bool active() const;

 private:
  struct Impl;
  Impl* impl_;  // freed by the loop once libuv has let go of it
};

}  // namespace banger::uv
