// A TCP connection to a numeric address within a deadline. For ssh_session and wait_for_ssh; never
// resolves a name, so it never waits for a resolver.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "events/result.h"

namespace banger::guest {

// Milliseconds until `deadline` as poll(2) takes them: rounded up, never negative.
[[nodiscard]] int poll_timeout(std::chrono::steady_clock::time_point deadline);

// A connected, non-blocking, close-on-exec socket that the caller closes; it notices a peer that
// vanished within about half a minute.
[[nodiscard]] Result<int> tcp_connect(const std::string& host, uint16_t port,
                                      std::chrono::steady_clock::time_point deadline);

}  // namespace banger::guest
