// What the tests of the client share: a spec with everything in it, and a count of what a call may
// have left behind.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "drivers/uv/fd.h"
#include "drivers/vmm/firecracker/api_client.h"
#include "drivers/vmm/firecracker/argv.h"

namespace banger::test {

// Long enough for a loaded machine; what fails for want of time is given its own short limit.
inline constexpr std::chrono::milliseconds kPatience{60'000};

inline vmm::firecracker::FirecrackerSpec whole_spec() {
  vmm::firecracker::FirecrackerSpec spec{.vm = VmId{0xabc}, .incarnation = 2};
  spec.vcpus = 2;
  spec.kernel = "/i/vmlinux";
  spec.initrd = "/i/initrd";
  spec.cmdline = "console=ttyS0 quiet";
  spec.disk = "/v/disk";
  spec.seed = "/v/seed";
  spec.network = vmm::firecracker::NetworkInterface{"tap7", "52:54:00:00:00:01", 1400};
  spec.vsock = vmm::firecracker::Vsock{9, "/v/vsock"};
  spec.log = "/v/log";
  spec.metrics = "/v/metrics";
  return spec;
}

inline vmm::firecracker::StartLimits patient() {
  return {.whole = kPatience, .call = kPatience, .still_there = {}};
}

// A socket that nobody listens at: what a VMM leaves that was killed.
inline void leave_socket(const std::string& path) {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("bind " + path);
  }
}

// Descriptors and threads of this process.
struct Held {
  std::ptrdiff_t descriptors = 0;
  std::ptrdiff_t threads = 0;

  friend bool operator==(const Held&, const Held&) = default;
};

inline Held held() {
  const auto count = [](const char* directory) {
    return std::ranges::distance(std::filesystem::directory_iterator(directory),
                                 std::filesystem::directory_iterator());
  };
  return {count("/proc/self/fd"), count("/proc/self/task")};
}

}  // namespace banger::test
