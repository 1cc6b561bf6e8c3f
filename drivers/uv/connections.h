// Connections: the clients of a listening stream socket that ask for a little and are answered with a little (HTTP's
// text, DNS over TCP). Each has its bytes in and out, a deadline for all of it, and no more of it is read while
// an answer waits: a client which doesn't read costs no more than one answer. What is asked and what is answered
// is the owner's; how bytes come and go is here. Bounded: clients, and bytes read at once. Loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "drivers/uv/fd.h"
#include "drivers/uv/loop.h"
#include "events/result.h"

namespace banger::uv {

struct ConnectionLimits {
  std::size_t connections = 16;       // one more than that is closed at once
  std::uint64_t deadline_ms = 5'000;  // from a connection's beginning to its end
};

// A client's bytes, as its owner sees them.
struct Exchange {
  std::string in;     // what has come; the owner takes from it
  std::string out;    // the owner's answer; empty again once all of it has gone
  bool last = false;  // the owner's: after `out` the connection is closed, and nothing more is read
};

class Connections {
 public:
  // Called when something has come and nothing waits to be sent, and again after each answer. It puts the next
  // answer into `out`, or leaves it empty where `in` holds no whole question yet; it bounds what it leaves in `in`.
  // It must not destroy the Connections.
  using Serve = std::function<void(Exchange& exchange)>;

  // `listener`: bound, listening, non-blocking.
  [[nodiscard]] static Result<std::unique_ptr<Connections>> open(Loop& loop, Fd listener, ConnectionLimits limits,
                                                                 Serve serve);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  [[nodiscard]] std::size_t count() const;

 private:
  struct Impl;
  explicit Connections(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::uv
