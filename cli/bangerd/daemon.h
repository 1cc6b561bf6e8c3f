// bangerd's parts, put together and taken apart in the right order. Nothing is decided here.
#pragma once

#include <functional>

#include "cli/bangerd/config.h"
#include "drivers/uv/fd.h"

namespace banger::bangerd {

// The data directory, ours alone: made 0700 where it is missing, and locked for as long as the descriptor lives.
// A second daemon gets an Error before it has touched anything.
[[nodiscard]] Result<Fd> take_data_dir(const Layout& layout);

// Serves until SIGTERM, SIGINT or a client's stop; VMs go on. `serving` is called once clients can connect.
// Gives how the daemon ended. A failed append or sync does not return: it ends the process (events/log).
[[nodiscard]] Status serve(const Config& config, const Layout& layout, const std::function<void()>& serving);

}  // namespace banger::bangerd
