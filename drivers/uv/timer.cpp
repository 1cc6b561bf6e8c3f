#include "drivers/uv/timer.h"

#include "drivers/uv/handle.h"

namespace banger::uv {

struct Timer::Impl : Owned<uv_timer_t> {
  using Owned::Owned;
  static void fire(uv_timer_t* raw) noexcept { of(raw).call(); }
  void start(uint64_t delay_ms, uint64_t period_ms) {
    uv_update_time(handle.loop);  // the loop's clock stands still while a callback runs
    BANGER_ASSERT(uv_timer_start(&handle, fire, delay_ms, period_ms) == 0);
  }
};

Timer::Timer(Loop& loop, Task callback) : impl_(new Impl(std::move(callback))) {
  BANGER_ASSERT(uv_timer_init(loop.raw(), &impl_->handle) == 0);
}

Timer::~Timer() {
  Impl::close(impl_);
}

void Timer::start_once(uint64_t delay_ms) {
  impl_->start(delay_ms, 0);
}

void Timer::start_every(uint64_t period_ms) {
  BANGER_ASSERT(period_ms > 0);
  impl_->start(period_ms, period_ms);
}

void Timer::stop() {
  uv_timer_stop(&impl_->handle);
}

bool Timer::active() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&impl_->handle)) != 0;
}

}  // namespace banger::uv
