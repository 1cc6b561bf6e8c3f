// SignalWatcher: SIGTERM and SIGINT as ordinary callbacks on the loop, for the daemon's main().
// Not for SIGCHLD: children are watched one by one through their pidfd (process_watch.h).
#pragma once

#include <functional>
#include <vector>

#include "drivers/uv/loop.h"
#include "events/result.h"

namespace banger::uv {

class SignalWatcher {
 public:
  using Callback = std::function<void(int signal)>;

  [[nodiscard]] static Result<SignalWatcher> open(Loop& loop, const std::vector<int>& signals,
                                                  Callback callback);
  SignalWatcher(SignalWatcher&&) = default;
  SignalWatcher& operator=(SignalWatcher&&) = delete;
  ~SignalWatcher();  // the former disposition, the default, comes back

 private:
  struct Impl;
  SignalWatcher() = default;
  std::vector<Impl*> impls_;  // one a signal
};

}  // namespace banger::uv
