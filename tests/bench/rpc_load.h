// Clients of one daemon, all in this process and on one thread, each with a connection of its own
// and one call outstanding: what a daemon does under load, and what a call costs that does nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/result.h"

namespace banger::bench {

struct FollowPlan {
  std::size_t followers = 1;  // that take what they are given
  std::size_t deaf = 0;       // that read nothing after they have said whom they follow
  std::size_t per_s = 0;      // intents offered, an event each
  double seconds = 0;
};
struct FollowTold {
  double events_per_s = 0;     // that became durable
  double least_share = 0;      // of them, with the follower that got fewest until the end of the run
  double delivered_per_s = 0;  // to all followers together
  double lag_p50_ms = 0, lag_p99_ms = 0;  // from an intent's being sent until a follower has its event
  double events_per_push = 0;
};

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
  // Changes those VMs as often as planned, or as often as the daemon can, while others follow. The run ends when each
  // follower has every event, or a second after the last event became durable; `at_end` is called while all follow still.
  [[nodiscard]] Result<FollowTold> follow(const FollowPlan& plan, const std::function<void()>& at_end);
  // Creates those VMs, of this image.
  [[nodiscard]] Status create_vms(const std::string& image);

 private:
  struct Impl;
  explicit RpcLoad(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::bench
