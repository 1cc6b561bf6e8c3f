// For a step on a worker thread that finds something busy which will soon be free, and that nothing announces. Never on the loop's
// thread.
#pragma once

#include <poll.h>

#include <chrono>

namespace banger::host {

// False, at once, where it is past `until`: then it is to be given up.
[[nodiscard]] inline bool wait_a_little(std::chrono::steady_clock::time_point until, std::chrono::milliseconds little) {
  if (std::chrono::steady_clock::now() >= until) return false;
  (void)::poll(nullptr, 0, static_cast<int>(little.count()));
  return true;
}

}  // namespace banger::host
