// The observer `native`: one look at the host by reading /proc, /sys, device-mapper, rtnetlink and our own
// directories, no program asked. A straight-line function for a worker thread; changes nothing.
#pragma once

#include "drivers/observe/look.h"

namespace banger::observe {

[[nodiscard]] Look observe_native(const LookSpec& spec);

}  // namespace banger::observe
