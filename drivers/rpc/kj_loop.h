// KjLoop: KJ's event queue as a guest on the libuv loop, so that Cap'n Proto needs no thread and no
// poller of its own. The daemon makes one, right after its uv::Loop, and destroys it after every
// server. Nobody may call .wait() on a promise: libuv cannot be entered twice, so that is a bug
// which stops the process. Events of other threads come by uv::Loop::post, not by kj::Executor.
#pragma once

#include <kj/async.h>

#include <memory>

#include "drivers/uv/loop.h"

namespace banger::rpc {

class KjLoop final : private kj::EventPort {
 public:
  explicit KjLoop(uv::Loop& loop);
  // Runs what is still queued: KJ takes an event left behind for a leak.
  ~KjLoop() noexcept;
  KJ_DISALLOW_COPY(KjLoop);

 private:
  bool wait() override;
  bool poll() override;
  void setRunnable(bool runnable) override;
  void wake() const override;

  void queue_pump();
  void pump() noexcept;

  uv::Loop& loop_;
  bool pump_queued_ = false;
  std::shared_ptr<KjLoop*> self_;  // what deferred pumps look at, since they may outlive us
  kj::EventLoop events_;
  kj::WaitScope scope_;
};

}  // namespace banger::rpc
