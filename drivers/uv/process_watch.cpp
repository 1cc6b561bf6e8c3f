#include "drivers/uv/process_watch.h"

#include "drivers/uv/poll.h"

namespace banger::uv {

struct ProcessWatch::Impl {
  Fd pidfd;  // closed after the poll on it
  Callback callback;
  std::optional<Poll> poll;

  void ended() {
    const auto status = reap(pidfd.get());
    if (status && !status->has_value()) return;  // a false alarm: it still runs
    poll->set(0);
    const Callback call = std::exchange(callback, nullptr);
    call(status ? *status : std::nullopt);
  }
};

Result<ProcessWatch> ProcessWatch::open(Loop& loop, Fd pidfd, Callback callback) {
  auto impl = std::make_shared<Impl>();
  impl->pidfd = std::move(pidfd);
  impl->callback = std::move(callback);
  // The copy keeps the state alive while the callback destroys the watch.
  auto poll = Poll::open(loop, impl->pidfd.get(), [weak = std::weak_ptr(impl)](int) {
    if (const auto self = weak.lock()) self->ended();
  });
  if (!poll) return with_context("watch a process", std::move(poll).error());
  impl->poll.emplace(std::move(*poll));
  impl->poll->set(kReadable);
  return ProcessWatch(std::move(impl));
}

ProcessWatch::ProcessWatch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessWatch::ProcessWatch(ProcessWatch&&) noexcept = default;
ProcessWatch::~ProcessWatch() = default;

int ProcessWatch::pidfd() const {
  return impl_->pidfd.get();
}

}  // namespace banger::uv
