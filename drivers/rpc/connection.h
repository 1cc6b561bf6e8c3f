// Connection: one client of the Server, from its socket up to its RpcSystem, and the verdict
// whether it may stay. Private to the Server, which asks for that verdict on a tick and destroys
// it.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <capnp/serialize-async.h>

#include <optional>

#include "drivers/rpc/flow.h"
#include "drivers/rpc/server.h"
#include "drivers/rpc/uv_stream.h"

namespace banger::rpc {

struct Client::State {
  State(uv::Loop& on, const ServerLimits& limits, std::function<void()> on_backlog)
      : loop(on),
        flow(on, limits.unanswered_calls, limits.unfetched_bytes, std::move(on_backlog)),
        last_active_ms(on.now_ms()) {}

  uv::Loop& loop;
  Flow flow;
  uint64_t last_active_ms;
  int holds = 0;
  bool greeted = false;
  void touch() { last_active_ms = loop.now_ms(); }
};

// A message stream that knows whether a message has begun and not ended.
class WatchedMessages final : public capnp::MessageStream {
 public:
  WatchedMessages(UvStream& stream, Client::State& client, size_t received_fds);

  // How many messages have arrived whole, if the next one has begun. Empty: between messages.
  [[nodiscard]] std::optional<uint64_t> partial() const;

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fds, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) override;
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override { return inner_.getSendBufferSize(); }
  kj::Promise<void> end() override { return inner_.end(); }

 private:
  UvStream& stream_;
  Client::State& client_;
  const size_t received_fds_;
  capnp::AsyncCapabilityMessageStream inner_;
  uint64_t messages_ = 0;
  uint64_t bytes_in_messages_ = 0;
};

class Connection {
 public:
  Connection(kj::Own<UvStream> stream, const Peer& peer, std::shared_ptr<Client::State> state,
             const ServerLimits& limits, capnp::Capability::Client bootstrap);
  ~Connection() noexcept { state_->flow.watch(nullptr); }

  [[nodiscard]] const Peer& peer() const { return peer_; }
  [[nodiscard]] kj::Promise<void> on_disconnect() { return network_.onDisconnect(); }
  // What it does not fetch.
  [[nodiscard]] size_t unfetched() const { return state_->flow.unfetched(); }
  // Why the client must go now, or empty.
  [[nodiscard]] std::string_view overdue();

 private:
  // In this order: the RpcSystem goes first and the stream, to which all the rest points, last.
  Peer peer_;
  const ServerLimits& limits_;
  std::shared_ptr<Client::State> state_;
  const uint64_t since_ms_ = state_->loop.now_ms();
  kj::Own<UvStream> stream_;
  WatchedMessages messages_;
  capnp::TwoPartyVatNetwork network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
  std::optional<uint64_t> partial_;  // as last seen, and since when
  uint64_t partial_since_ms_ = 0;
};

}  // namespace banger::rpc
