#include "events/log/anchor_keeper.h"

#include <utility>

namespace banger::log {

AnchorKeeper::AnchorKeeper(AnchorFile file, std::chrono::milliseconds interval,
                           std::function<void(Error)> on_failure)
    : file_(std::move(file)),
      interval_(interval),
      on_failure_(std::move(on_failure)),
      thread_([this] { run(); }) {}

AnchorKeeper::~AnchorKeeper() {
  // Whoever wants to know calls stop().
  static_cast<void>(stop());
}

void AnchorKeeper::follow(const Anchor& durable) {
  const std::scoped_lock lock(mutex_);
  pending_ = durable;
  changed_.notify_one();
}

Status AnchorKeeper::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
    stopped_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  return result_;
}

void AnchorKeeper::run() {
  std::unique_lock lock(mutex_);
  while (result_) {
    changed_.wait(lock, [this] { return stopping_ || pending_; });
    if (!pending_) return;
    const Anchor anchor = *std::exchange(pending_, std::nullopt);
    lock.unlock();
    Status written = file_.write(anchor);
    if (!written) on_failure_(written.error());
    lock.lock();
    result_ = std::move(written);
    if (result_) stopped_.wait_for(lock, interval_, [this] { return stopping_; });
  }
}

}  // namespace banger::log
