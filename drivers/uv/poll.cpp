#include "drivers/uv/poll.h"

#include "drivers/uv/handle.h"

namespace banger::uv {

static_assert(kReadable == int{UV_READABLE} && kWritable == int{UV_WRITABLE});

struct Poll::Impl : Owned<uv_poll_t, int> {
  using Owned::Owned;
  int armed = 0;
  static void ready(uv_poll_t* raw, int status, int events) noexcept {
    auto& self = static_cast<Impl&>(of(raw));
    if (status < 0) {  // libuv has stopped the handle by itself
      self.armed = 0;
      events = kReadable | kWritable;
    }
    self.call(events);
  }
};

Result<Poll> Poll::open(Loop& loop, int fd, Callback callback) {
  auto* impl = new Impl(std::move(callback));
  if (const int rc = uv_poll_init(loop.raw(), &impl->handle, fd); rc != 0) {
    delete impl;
    return fail_errno("watch a descriptor", -rc);
  }
  return Poll(impl);
}

Poll::Poll(Poll&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}

Poll::~Poll() {
  Impl::close(impl_);
}

void Poll::set(int events) {
  if (events == impl_->armed) return;
  impl_->armed = events;
  BANGER_ASSERT(events == 0 ? uv_poll_stop(&impl_->handle) == 0
                            : uv_poll_start(&impl_->handle, events, Impl::ready) == 0);
}

int Poll::events() const {
  return impl_->armed;
}

}  // namespace banger::uv
