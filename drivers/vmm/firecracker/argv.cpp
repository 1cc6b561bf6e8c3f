#include "drivers/vmm/firecracker/argv.h"

#include <algorithm>

#include "drivers/vmm/qemu_argv.h"
#include "events/assert.h"

namespace banger::vmm::firecracker {

std::string id_of(const FirecrackerSpec& spec) {
  std::string id = vmm_name({spec.vm, spec.incarnation});
  // A name that Firecracker refuses would be a change of ours in engine/paths.cpp.
  BANGER_ASSERT(!id.empty() && id.size() <= kMaxId && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  }));
  return id;
}

std::vector<std::string> firecracker_argv(const FirecrackerSpec& spec, const std::string& program,
                                          const std::string& api_socket) {
  BANGER_ASSERT(!api_socket.empty() && api_socket.size() <= kMaxSocketPath);
  return {program, "--api-sock", api_socket, "--id", id_of(spec)};
}

}  // namespace banger::vmm::firecracker
