// Runs banger-log on the log of the daemon that these options would start. It refuses where a daemon runs.
#pragma once

#include "cli/bangerctl/context.h"

namespace banger::ctl {

// Returns only where it could not be started.
[[nodiscard]] Answer<int> become_banger_log(Context& context, std::vector<std::string> words);

}  // namespace banger::ctl
