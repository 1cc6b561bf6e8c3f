#include "drivers/rpc/connection.h"

#include <algorithm>

namespace banger::rpc {
namespace {

// With 0, TwoPartyVatNetwork would not send descriptors either: so it is told of one, and what a
// client may really attach is decided in tryReadMessage().
constexpr unsigned kNetworkFds = 1;

capnp::ReaderOptions reader_options(const ServerLimits& limits) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = limits.message_bytes / sizeof(capnp::word);
  options.nestingLimit = limits.nesting;
  return options;
}

}  // namespace

Client::Client(Peer peer, std::shared_ptr<State> state) : peer_(peer), state_(std::move(state)) {}

KeepAlive Client::keep_alive() const {
  ++state_->holds;
  return KeepAlive(nullptr, [state = state_](void*) {
    --state->holds;
    state->touch();  // the answer is still to be fetched
  });
}

void Client::greeted() const { state_->greeted = true; }
std::shared_ptr<void> Client::answering() const { return state_->flow.call(); }
kj::Promise<void> Client::until_may_push() const { return state_->flow.until_may_push(); }

WatchedMessages::WatchedMessages(UvStream& stream, Client::State& client, size_t received_fds)
    : stream_(stream), client_(client), received_fds_(received_fds), inner_(stream) {}

// Messages are read to the byte, never ahead, so that what is beyond them is the next one's.
std::optional<uint64_t> WatchedMessages::partial() const {
  if (stream_.bytes_read() == bytes_in_messages_) return std::nullopt;
  return messages_;
}

kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> WatchedMessages::tryReadMessage(
    kj::ArrayPtr<kj::AutoCloseFd> fds, capnp::ReaderOptions options,
    kj::ArrayPtr<capnp::word> scratch) {
  if (!client_.flow.may_read()) {
    return client_.flow.until_may_read().then(
        [this, fds, options, scratch] { return tryReadMessage(fds, options, scratch); });
  }
  return inner_.tryReadMessage(fds.slice(0, std::min(fds.size(), received_fds_)), options, scratch)
      .then([this](kj::Maybe<capnp::MessageReaderAndFds> message) {
        ++messages_;
        bytes_in_messages_ = stream_.bytes_read();
        client_.touch();
        return message;
      });
}

kj::Promise<void> WatchedMessages::writeMessage(
    kj::ArrayPtr<const int> fds, kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  return inner_.writeMessage(fds, segments).then([this] { client_.flow.written(); });
}

kj::Promise<void> WatchedMessages::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) {
  return inner_.writeMessages(messages).then([this] { client_.flow.written(); });
}

Connection::Connection(kj::Own<UvStream> stream, const Peer& peer,
                       std::shared_ptr<Client::State> state, const ServerLimits& limits,
                       capnp::Capability::Client bootstrap)
    : peer_(peer),
      limits_(limits),
      state_(std::move(state)),
      stream_(kj::mv(stream)),
      messages_(*stream_, *state_, limits.received_fds),
      network_(messages_, std::max(kNetworkFds, limits.received_fds),
               capnp::rpc::twoparty::Side::SERVER, reader_options(limits)),
      rpc_(capnp::makeRpcServer(network_, kj::mv(bootstrap))) {
  state_->flow.watch(&network_);
  rpc_.setFlowLimit(limits.unanswered_bytes / sizeof(capnp::word));
}

std::string_view Connection::overdue() {
  state_->flow.written();  // should a write have been told of while Cap'n Proto still counted it
  const uint64_t now = state_->loop.now_ms();
  const auto partial = messages_.partial();
  if (partial != partial_) {
    partial_ = partial;
    partial_since_ms_ = now;
  }
  if (partial_ && now - partial_since_ms_ >= limits_.message_ms) return "a message stalled";
  if (network_.getOutgoingMessageWaitTime() >= limits_.message_ms * kj::MILLISECONDS) {
    return "it does not read";
  }
  if (!state_->greeted && now - since_ms_ >= limits_.greeting_ms) return "it said no hello";
  if (state_->holds == 0 && now - state_->last_active_ms >= limits_.idle_ms) return "idle";
  return {};
}

}  // namespace banger::rpc
