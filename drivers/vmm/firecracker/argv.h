// What Firecracker, and its jailer, are started with: pure. Its API socket and its id in the argv
// are what identifies a VM's process; so they are spelled here and nowhere else. The socket must
// not exist yet.
#pragma once

#include <string>
#include <vector>

#include "drivers/vmm/firecracker/requests.h"

namespace banger::vmm::firecracker {

inline constexpr std::size_t kMaxId =
    64;  // of letters, digits and hyphens, to Firecracker and its jailer

// vmm_name() of the spec: what --id says, what GET / answers and what the jail's directory is
// called.
[[nodiscard]] std::string id_of(const FirecrackerSpec& spec);

// `program` is the binary's path or a name that PATH has. Paths may hold any character.
[[nodiscard]] std::vector<std::string> firecracker_argv(const FirecrackerSpec& spec,
                                                        const std::string& program,
                                                        const std::string& api_socket);

}  // namespace banger::vmm::firecracker
