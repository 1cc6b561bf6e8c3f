// One line that says how far long work has come. Pure; Progress (terminal.h) writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/bangerctl/output/look.h"

namespace banger::ctl {

// "850 ms", "3.2 s", "2m05s"
[[nodiscard]] std::string format_ms(std::uint64_t ms);

// "verify ━━━━━━━━╸        43%  430 of 1000 events  (2.1 s, 2.8 s left)", cut to the terminal. `total` of 0:
// how much there is is not known, so no bar.
[[nodiscard]] std::string progress_line(std::string_view what, std::string_view unit,
                                        std::uint64_t done, std::uint64_t total,
                                        std::uint64_t elapsed_ms, const Look& look);

}  // namespace banger::ctl
