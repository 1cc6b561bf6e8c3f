#include "drivers/rpc/flow.h"

namespace banger::rpc {

Flow::Flow(uv::Loop& loop, std::size_t most_calls, std::size_t most_bytes, std::function<void()> on_backlog)
    : loop_(loop),
      most_calls_(most_calls),
      most_bytes_(most_bytes),
      on_backlog_(std::move(on_backlog)),
      self_(std::make_shared<Flow*>(this)) {}

kj::Promise<void> Flow::until_may_push() {
  if (may_push()) return kj::READY_NOW;
  on_backlog_();
  auto pending = make_pending<void>();
  std::erase_if(pushers_, [](const Fulfiller<void>& each) { return !each.wanted(); });
  pushers_.push_back(pending.fulfiller);
  return kj::mv(pending.promise);
}

kj::Promise<void> Flow::until_may_read() {
  if (may_read()) return kj::READY_NOW;
  on_backlog_();
  auto pending = make_pending<void>();
  reader_ = pending.fulfiller;
  return kj::mv(pending.promise);
}

std::shared_ptr<void> Flow::call() {
  ++*calls_;
  return {nullptr, [weak = std::weak_ptr(self_), calls = calls_](void*) {
            --*calls;
            if (const auto self = weak.lock()) (*self)->look_later();
          }};
}

// The queue is shorter only once Cap'n Proto has let go of the message.
void Flow::look_later() {
  const bool waited_for = reader_ || !pushers_.empty();
  if (!waited_for || std::exchange(look_queued_, true)) return;
  loop_.defer([weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->look();
  });
}

void Flow::look() {
  look_queued_ = false;
  if (may_push()) {
    for (const auto& pusher : std::exchange(pushers_, {})) pusher.fulfill();
  }
  if (reader_ && may_read()) std::exchange(reader_, std::nullopt)->fulfill();
}

}  // namespace banger::rpc
