// GuestWait: looks again and again whether the guest's sshd answers, on the loop and without a thread, so that a
// thousand guests may be booting at once. Ends by an answer or by being destroyed.
#pragma once

#include <netinet/in.h>

#include <functional>
#include <memory>
#include <optional>

#include "drivers/guest/banner_probe.h"
#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"
#include "engine/state.h"

namespace banger::effects {

class GuestWait {
 public:
  // `ready` is called once, from the loop; it may destroy this.
  GuestWait(uv::Loop& loop, const Endpoint& sshd, std::function<void()> ready);

 private:
  void attempt();
  void readable();
  void again();

  uv::Loop& loop_;
  sockaddr_in address_{};
  std::function<void()> ready_;
  uv::Timer timer_;
  std::uint64_t attempts_ = 0;
  Fd fd_;
  std::optional<uv::Poll> poll_;
  guest::BannerProbe probe_;
};

}  // namespace banger::effects
