// Server: Cap'n Proto RPC on a unix socket, one connection per client, with a bound on everything a
// client can make us spend. The daemon makes one after its KjLoop, and gives it a function that
// turns a peer into the capability it may use. Whom that refuses is told so and closed, before
// anything is kept of it; what clients may do is not decided here.
// Cap'n Proto does not defend itself against exhaustion: that is what the limits below are for.
#pragma once

#include <capnp/capability.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "drivers/rpc/access.h"
#include "drivers/rpc/unix_socket.h"
#include "drivers/uv/loop.h"
#include "events/result.h"

namespace banger::rpc {

struct ServerLimits {
  size_t connections = 512;
  size_t connections_per_uid = 256;  // so that nobody can take all of them
  // Of one message; also of what is read out of it, so bulk data goes in chunks well below.
  size_t message_bytes = 1 << 20;
  int nesting = 32;
  // Unanswered calls of one client, and what they were asked with; beyond, nothing more is read from it.
  size_t unanswered_calls = 64;
  size_t unanswered_bytes = 256 << 10;
  // Answers and pushes that a client doesn't fetch; beyond, nothing is read from it or pushed to it.
  size_t unfetched_bytes = 1 << 20;
  // The same of all clients; beyond, the one with the most is dropped.
  size_t all_unfetched_bytes = 128 << 20;
  // From a message's first byte to its last, and for one of ours to be taken.
  uint64_t message_ms = 10'000;
  // From connecting until a client has said who it is: Client::greeted().
  uint64_t greeting_ms = 10'000;
  // Without a message and without a KeepAlive.
  uint64_t idle_ms = 60'000;
  // Descriptors a client may attach to a message. 0: a client that attached some to calls it never
  // lets finish could fill our table. What we send is not limited by this.
  unsigned received_fds = 0;
};

// While one exists the client isn't idle: a call that may take long holds one. Loop's thread only.
using KeepAlive = std::shared_ptr<void>;

// One client, as its bootstrap capability sees it. May be kept; a hold on a closed one is harmless.
class Client {
 public:
  struct State;
  Client(Peer peer, std::shared_ptr<State> state);
  [[nodiscard]] const Peer& peer() const { return peer_; }
  [[nodiscard]] KeepAlive keep_alive() const;
  void greeted() const;
  // One more call of it is being answered, until this goes; ServerLimits has how many may be.
  [[nodiscard]] std::shared_ptr<void> answering() const;
  // Before something large is made to be pushed to it.
  [[nodiscard]] kj::Promise<void> until_may_push() const;

 private:
  Peer peer_;
  std::shared_ptr<State> state_;
};

class Server {
 public:
  // An error refuses the client: those words are all that it gets.
  using Bootstrap = std::function<Result<capnp::Capability::Client>(const Client&)>;
  using Log = std::function<void(std::string_view line)>;  // refusals and drops, for the operator

  [[nodiscard]] static Result<Server> listen(uv::Loop& loop, const std::string& path,
                                             Access access, ServerLimits limits, Bootstrap bootstrap,
                                             Log log);
  Server(Server&&) noexcept;
  Server& operator=(Server&&) = delete;
  ~Server();  // stops

  // Closes the socket, drops every client and the calls that they wait for, removes the file.
  // Not from within a call's handler: uv::Loop::defer it.
  void stop();
  [[nodiscard]] size_t connection_count() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::rpc
