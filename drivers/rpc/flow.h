// Flow: whether more is read from a client, or pushed to it. Both stop while it leaves too much of ours unfetched, and
// reading also while too many of its calls are unanswered; so what it can make us keep is bounded whatever it asks.
// One a connection, on the loop's thread. Cap'n Proto's own flow limit counts the bytes of calls, not what they lead to.
#pragma once

#include <capnp/rpc-twoparty.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "drivers/rpc/promise.h"
#include "drivers/uv/loop.h"

namespace banger::rpc {

class Flow {
 public:
  // `on_backlog` is told whenever somebody has to wait for the client.
  Flow(uv::Loop& loop, std::size_t most_calls, std::size_t most_bytes, std::function<void()> on_backlog);

  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  // Whose outgoing queue it is about; null: there is none any more.
  void watch(capnp::TwoPartyVatNetwork* network) { network_ = network; }
  [[nodiscard]] std::size_t unfetched() const { return network_ ? network_->getCurrentQueueSize() : 0; }

  [[nodiscard]] bool may_push() const { return unfetched() <= most_bytes_; }
  [[nodiscard]] bool may_read() const { return may_push() && *calls_ < most_calls_; }
  [[nodiscard]] kj::Promise<void> until_may_push();
  [[nodiscard]] kj::Promise<void> until_may_read();  // one waits at most

  // A call that is being answered, until the last copy goes.
  [[nodiscard]] std::shared_ptr<void> call();
  void written() { look_later(); }

 private:
  void look_later();
  void look();

  uv::Loop& loop_;
  const std::size_t most_calls_, most_bytes_;
  std::function<void()> on_backlog_;
  capnp::TwoPartyVatNetwork* network_ = nullptr;
  std::shared_ptr<std::size_t> calls_ = std::make_shared<std::size_t>(0);
  std::optional<Fulfiller<void>> reader_;
  std::vector<Fulfiller<void>> pushers_;
  bool look_queued_ = false;
  std::shared_ptr<Flow*> self_;  // what looks that were put off go by, since they may outlive us
};

}  // namespace banger::rpc
