#include "drivers/uv/signal_watcher.h"

#include "drivers/uv/handle.h"

namespace banger::uv {

struct SignalWatcher::Impl : Owned<uv_signal_t, int> {
  using Owned::Owned;
};

Result<SignalWatcher> SignalWatcher::open(Loop& loop, const std::vector<int>& signals,
                                          Callback callback) {
  SignalWatcher watcher;
  for (const int signal : signals) {
    auto* impl = new Impl(callback);
    BANGER_ASSERT(uv_signal_init(loop.raw(), &impl->handle) == 0);
    watcher.impls_.push_back(impl);
    const auto received = [](uv_signal_t* raw, int number) noexcept { Impl::of(raw).call(number); };
    if (const int rc = uv_signal_start(&impl->handle, received, signal); rc != 0) {
      return fail_errno("watch signal " + std::to_string(signal), -rc);
    }
  }
  return watcher;
}

SignalWatcher::~SignalWatcher() {
  for (Impl* impl : impls_) Impl::close(impl);
}

}  // namespace banger::uv
