#include "drivers/rpc/kj_loop.h"

#include "events/assert.h"

namespace banger::rpc {
namespace {

// After so many events libuv gets a turn, so that one busy client can't shut out the sockets.
constexpr uint kTurnsPerPump = 1000;
// At the end only chains of events that never settle would take more.
constexpr int kFinalPumps = 1000;

}  // namespace

KjLoop::KjLoop(uv::Loop& loop)
    : loop_(loop), self_(std::make_shared<KjLoop*>(this)), events_(*this), scope_(events_) {}

KjLoop::~KjLoop() noexcept {
  for (int i = 0; i < kFinalPumps && events_.isRunnable(); ++i) events_.run(kTurnsPerPump);
  self_.reset();
}

bool KjLoop::wait() {
  BANGER_ASSERT(!"waiting for a promise would enter libuv twice");
  return false;
}

bool KjLoop::poll() {
  return false;
}  // libuv polls

// KJ says so on the change from empty to runnable only; pump() sees to the rest.
void KjLoop::setRunnable(bool runnable) {
  if (runnable) queue_pump();
}

void KjLoop::wake() const {
  BANGER_ASSERT(!"other threads reach the loop by uv::Loop::post");
}

void KjLoop::queue_pump() {
  if (pump_queued_ || self_ == nullptr) return;
  pump_queued_ = true;
  loop_.defer([weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->pump();
  });
}

void KjLoop::pump() noexcept {
  pump_queued_ = false;
  events_.run(kTurnsPerPump);
  if (events_.isRunnable()) queue_pump();
}

}  // namespace banger::rpc
