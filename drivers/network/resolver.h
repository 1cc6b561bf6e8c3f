// Resolver: answers `<name>.vm` on a loopback address, over UDP and TCP, on the daemon's loop. What it answers is
// dns_answer.h; this is the edge. It listens on loopback only: guests come by a rule of the host (nat.h).
// Bounded: datagrams a turn, connections, bytes and time of each. Loop's thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "drivers/network/dns_answer.h"
#include "drivers/uv/connections.h"
#include "events/result.h"

namespace banger::network {

struct ResolverLimits {
  std::size_t datagrams_per_turn = 64;  // then others have their turn, too
  uv::ConnectionLimits tcp = {.connections = 32};
};

class Resolver {
 public:
  // Listens at `address`:`port` with both protocols; port 0 is any that both have free. An address that is not
  // loopback is an Error, and so is a port that somebody else has.
  [[nodiscard]] static Result<std::unique_ptr<Resolver>> listen(uv::Loop& loop, Ipv4 address, std::uint16_t port,
                                                                ResolverLimits limits = {});
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // What is answered from now on. Before the first table every name is unknown.
  void set_names(NameTable names);

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t connection_count() const;

 private:
  struct Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::network
