// One run of banger-guest: connect, start the command or the shell, pump, and find out how it
// ended, also when the connection did not last as long as the command.
#pragma once

#include "cli/banger-guest/options.h"
#include "cli/banger-guest/outcome.h"

namespace banger::guest {

// Prints nothing itself; blocks until the command has ended or nothing more can be known of it.
[[nodiscard]] Outcome run_exec(const Options& options, int signals);

}  // namespace banger::guest
