// Instants as users read them: UTC, and how long ago.
#pragma once

#include <cstdint>
#include <string>

namespace banger::ctl {

// "2026-11-21T13:55:12.123Z"; the log counts nanoseconds since 1970 in UTC.
[[nodiscard]] std::string iso_time(std::int64_t ns);
// "3s", "12m", "5h", "4d": the time from `ns` to `now_ns`, as tables show it; "0s" for the future.
[[nodiscard]] std::string age(std::int64_t ns, std::int64_t now_ns);
[[nodiscard]] std::string format_ms(std::uint64_t ms);  // "850 ms", "3.2 s", "2m05s"
[[nodiscard]] std::int64_t now_ns();

}  // namespace banger::ctl
