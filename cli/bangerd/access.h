// Who may use the daemon, from the groups that the configuration names.
#pragma once

#include "cli/bangerd/config.h"
#include "drivers/rpc/access.h"

namespace banger::bangerd {

// Looks names up, once. An error names the key whose group there is not.
[[nodiscard]] Result<rpc::Access> access_of(const Config& config);

}  // namespace banger::bangerd
