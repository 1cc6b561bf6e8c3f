// The rate of this host's time stamp counter, for the guest's tsc_early_khz: under TCG a guest that
// has to calibrate its own now and then never finishes. Blocks for about 50 ms; ask once per
// daemon.
#pragma once

#include <cstdint>

#include "events/result.h"

namespace banger::vmm {

[[nodiscard]] Result<std::uint64_t> measure_tsc_khz();

}  // namespace banger::vmm
