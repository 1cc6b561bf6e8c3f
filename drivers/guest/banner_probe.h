// Does an sshd answer there? QEMU's user network accepts a connection long before the guest
// listens, so only the "SSH-2.0-" line tells. BannerProbe is the rule alone, fed by the daemon's
// loop for a thousand VMs at once; wait_for_ssh is the same rule in a blocking loop for a program
// that waits for one guest. Neither believes more of a guest than the line it says, and neither
// reads more than kMaxBytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::guest {

// One connection's look. Make a new one for every attempt.
class BannerProbe {
 public:
  enum class Verdict {
    more,   // nothing decided: go on reading until the attempt's deadline
    ready,  // an ssh 2 server answers; close the connection and be done
    retry,  // not now: close, wait kRetryDelay, connect again
  };
  // RFC 4253, 4.2: lines may precede the version line, which has at most 255 bytes. Ours is the
  // total.
  static constexpr size_t kMaxBytes = 4096;
  // How long to be silent with the `attempt`th connection, from 1: growing, because a slow guest
  // meets all that were given up before it listened, and its sshd counts them against its limit of
  // clients that have not logged in.
  [[nodiscard]] static std::chrono::milliseconds patience(std::uint64_t attempt);
  static constexpr std::chrono::milliseconds kRetryDelay{50};

  [[nodiscard]] Verdict feed(std::string_view bytes);
  [[nodiscard]] Verdict closed() { return verdict_ = settled(); }  // end of file or an error
  [[nodiscard]] Verdict timed_out() { return verdict_ = settled(); }
  [[nodiscard]] const std::string& banner() const { return line_; }  // the version line, once ready

 private:
  [[nodiscard]] Verdict settled() const {
    return verdict_ == Verdict::ready ? Verdict::ready : Verdict::retry;
  }
  Verdict verdict_ = Verdict::more;
  size_t seen_ = 0;
  std::string line_;
};

// Blocks until the server says its banner, which it returns, or the deadline is over.
[[nodiscard]] Result<std::string> wait_for_ssh(const std::string& host, uint16_t port,
                                               std::chrono::steady_clock::time_point deadline);

}  // namespace banger::guest
