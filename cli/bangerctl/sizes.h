// Numbers as users write and read them: sizes, durations and published ports. Strict: what is not
// entirely understood is an error that quotes it, and nothing overflows silently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/result.h"
#include "events/types.h"

namespace banger::ctl {

// "1G", "1GiB", "512M", "1.5g", "1024" (MiB) as MiB, which it must be a whole number of. K, M, G
// and T are powers of 1024, as with docker and qemu; "GB" is refused because people mean different
// things by it.
[[nodiscard]] Result<std::uint64_t> parse_size_mib(std::string_view text);
// "90", "90s", "5m", "2h", "250ms" as milliseconds.
[[nodiscard]] Result<std::uint64_t> parse_duration_ms(std::string_view text);
// "[ADDR:][HOSTPORT:]GUESTPORT[/tcp|/udp]"; an IPv6 address stands in brackets. Without ADDR on
// loopback only; without HOSTPORT banger chooses one.
[[nodiscard]] Result<PortForward> parse_port(std::string_view text);
// A whole number without sign, blanks or leftovers.
[[nodiscard]] Result<std::uint64_t> parse_count(std::string_view text);

[[nodiscard]] std::string format_bytes(std::uint64_t bytes);  // "1.5 GiB"
[[nodiscard]] std::string format_mib(std::uint64_t mib);
[[nodiscard]] std::string format_port(const PortForward& forward);  // "127.0.0.1:8080->80/tcp"

}  // namespace banger::ctl
