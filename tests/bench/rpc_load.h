// Clients of one daemon, all in this process and on one thread, each with a connection of its own
// and one call outstanding: what a daemon does under load, and what a call costs that does nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "events/result.h"

namespace banger::bench {

class RpcLoad {
 public:
  // Connects; each client has said hello when this returns.
  [[nodiscard]] static Result<std::unique_ptr<RpcLoad>> open(const std::string& socket,
                                                             std::size_t clients);
  ~RpcLoad();
  RpcLoad(const RpcLoad&) = delete;

  // Seconds that `calls` calls of ping took, shared out among the clients.
  [[nodiscard]] Result<double> ping(std::size_t calls);
  // The same of intents, each of which makes one event: VMs named vm-0, vm-1, ..., one for each
  // client, get more memory or less.
  [[nodiscard]] Result<double> change_vms(std::size_t calls);
  // Creates those VMs, of this image.
  [[nodiscard]] Status create_vms(const std::string& image);

 private:
  struct Impl;
  explicit RpcLoad(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::bench
