// Instants as users read them: how long ago, or in UTC where they asked for that (--utc, --iso).
#pragma once

#include <cstdint>
#include <string>

#include "cli/bangerctl/output/bar.h"
#include "cli/bangerctl/output/look.h"

namespace banger::ctl {

// "2026-11-21T13:55:12.123Z"; the log counts nanoseconds since 1970 in UTC.
[[nodiscard]] std::string iso_time(std::int64_t ns);
// "3s", "12m", "5h", "4d": the time from `ns` to `now_ns`, as tables show it; "0s" for the future.
[[nodiscard]] std::string age(std::int64_t ns, std::int64_t now_ns);
// As the user wants instants: "3m ago" ("in 3m" after a clock was set back), "2026-11-21 13:55:12
// UTC" or iso_time(). Empty for 0, which is no instant.
[[nodiscard]] std::string when(std::int64_t ns);
// The same where there is room: "2026-11-21T13:55:12.123Z (3m ago)" stands for the relative form.
[[nodiscard]] std::string when_in_full(std::int64_t ns);
// For a column that tells how old things are: its title, and a cell.
[[nodiscard]] std::string age_title();
[[nodiscard]] std::string age_cell(std::int64_t ns);
[[nodiscard]] std::int64_t now_ns();

}  // namespace banger::ctl
