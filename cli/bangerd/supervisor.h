// Supervisor: tells systemd how the daemon is, where systemd runs it: that it serves, that it stops, and again and again that
// its loop turns. The last comes from a timer of that loop, so that a loop which is stuck is noticed (WatchdogSec=).
// Without systemd none of it does anything. One for the daemon, on the loop's thread.
#pragma once

#include <string>

#include "drivers/uv/loop.h"
#include "drivers/uv/timer.h"

namespace banger::bangerd {

class Supervisor {
 public:
  explicit Supervisor(uv::Loop& loop);

  void serving(const std::string& status);
  void stopping();

 private:
  uv::Timer alive_;
};

}  // namespace banger::bangerd
