// A kill at a chosen moment, for tests of what a crash leaves behind.
#pragma once

#include <functional>

namespace banger::network::test {

// Runs `work` in a child that is killed as it begins its `nth` call of the kernel that may change something
// (sendmsg, sendto, ioctl, write).
// False: it had no such call, and has ended by itself.
[[nodiscard]] bool killed_at(int nth, const std::function<void()>& work);

}  // namespace banger::network::test
