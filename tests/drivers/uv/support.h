// What the tests of drivers/uv share: running a loop until something is so, with a deadline, and
// counting descriptors and children.
#pragma once

#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <functional>

#include "drivers/uv/loop.h"
#include "drivers/uv/timer.h"
#include "tests/catch.h"

namespace banger::uv::test {

// Runs `loop` until a callback stops it; a test that would hang fails instead.
inline void run(Loop& loop, uint64_t limit_ms = 60'000) {
  bool late = false;
  Timer limit(loop, [&] {
    late = true;
    loop.stop();
  });
  limit.start_once(limit_ms);
  loop.run();
  REQUIRE_FALSE(late);
}

inline size_t open_fds() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

inline bool has_children() {
  return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

}  // namespace banger::uv::test
