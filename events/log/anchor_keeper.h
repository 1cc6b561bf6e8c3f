// Follows the durable head with the anchor file, on a thread of its own so that its sync is never
// in the way of an append: at once when the log was idle, else once an interval. EventLog owns it.
// It must never name a block before that block's sync has returned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "events/log/files.h"

namespace banger::log {

class AnchorKeeper {
 public:
  AnchorKeeper(AnchorFile file, std::chrono::milliseconds interval,
               std::function<void(Error)> on_failure);
  ~AnchorKeeper();

  void follow(const Anchor& durable);
  // Writes the last anchor followed, exactly, and ends the thread.
  [[nodiscard]] Status stop();

 private:
  void run();

  AnchorFile file_;
  const std::chrono::milliseconds interval_;
  const std::function<void(Error)> on_failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable stopped_;  // apart, so that no append wakes a thread that only lets time pass
  std::optional<Anchor> pending_;
  bool stopping_ = false;
  Status result_;
  std::thread thread_;
};

}  // namespace banger::log
