// What a test says to banger_fail_nth, a library before bangerd's own (fail_nth.cpp), and what that tells of it: a file that
// both map, named by an environment variable of the daemon.
#pragma once

#include <atomic>

namespace banger::test {

inline constexpr const char* kFailPlanVariable = "BANGER_FAIL_PLAN";

struct FailPlan {
  std::atomic<int> left;  // N: the Nth acquisition from now on fails; 0: none, or it was
  char only[64];          // of those that begin like this, "netlink RTM_"; empty: of all. Set while `left` is 0
  char failed[256];       // what that was: "ioctl LOOP_CONFIGURE"
};
static_assert(std::atomic<int>::is_always_lock_free);  // two processes share it

}  // namespace banger::test
