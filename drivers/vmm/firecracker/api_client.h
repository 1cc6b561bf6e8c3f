// Firecracker's API from the outside: HTTP over its unix socket, blocking, every call with a limit;
// for worker threads, never on the loop. Holds nothing between calls. Each call has a connection of
// its own: over a kept one libcurl would send a request again whose connection broke, and nobody
// could tell whether InstanceStart or Ctrl-Alt-Del came once or twice. The peer may be a VMM that a
// guest has taken over: what it answers is bounded and may be anything.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "drivers/vmm/firecracker/requests.h"

namespace banger::vmm::firecracker {

using Duration = std::chrono::milliseconds;

inline constexpr std::size_t kMaxReplyBytes = 1 << 20;  // without its head, which has 16 KiB

enum class InstanceState { kNotStarted, kRunning, kPaused };

struct InstanceInfo {
  std::string id;
  InstanceState state = InstanceState::kNotStarted;
  std::string vmm_version;

  friend bool operator==(const InstanceInfo&, const InstanceInfo&) = default;
};

// One request and its answer: the JSON of a 2xx, or empty where that has no body. Errors begin with
// the request ("root drive (PUT /drives/root): ...") and are: ENOENT or ECONNREFUSED where nobody
// listens, ETIMEDOUT, EPROTO for an answer that breaks off, is too long or no JSON, EINVAL with
// Firecracker's own words for a refusal (4xx).
[[nodiscard]] Result<std::string> call(const std::string& socket, const ApiRequest& request,
                                       Duration limit);
// The same for requests whose answer says nothing more than that it was done.
[[nodiscard]] Status send(const std::string& socket, const ApiRequest& request, Duration limit);

[[nodiscard]] Result<InstanceInfo> instance_info(const std::string& socket, Duration limit);
[[nodiscard]] Result<std::string> version(const std::string& socket, Duration limit);

struct StartLimits {
  Duration whole{30'000};  // from the first try to connect to the answer of InstanceStart
  Duration call{10'000};   // each request
  // Asked between two tries while the socket is not up yet, and before each request; false ends the
  // start, because the VMM is gone or not wanted any more. Empty: until `whole` is over.
  std::function<bool()> still_there;
};

// Waits until the VMM that was just spawned listens, makes sure that it is this spec's (its id) and
// has not been started, tells it everything and starts the guest. Gives what it said of itself.
// After an error the VMM is half configured and of no more use: end it.
[[nodiscard]] Result<InstanceInfo> configure_and_start(const std::string& socket,
                                                       const FirecrackerSpec& spec,
                                                       const StartLimits& limits);

}  // namespace banger::vmm::firecracker
