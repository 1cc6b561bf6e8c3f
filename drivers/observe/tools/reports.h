// What pgrep, dmsetup, losetup and ip are asked, and what they say: pure functions from their output to what
// they propose. Their words are not ours: whatever does not read as it should is an Error, and what a stranger
// chose (an argv, a path, a link's alias) may hold anything. What it proposes is proved elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/network/link.h"
#include "events/result.h"

namespace banger::observe {

// For `pgrep -f`: where an argv names some VM's API socket, of whatever data directory. That one's own name is not
// in it, since pgrep spells odd bytes in an argv its own way.
[[nodiscard]] std::string socket_pattern();

using Arguments = std::vector<std::string>;
[[nodiscard]] Arguments pgrep_arguments();
// UUIDs alone, mangled: so that no UUID holds a newline and two never look like one.
[[nodiscard]] Arguments dmsetup_arguments();
[[nodiscard]] Arguments losetup_arguments();
[[nodiscard]] Arguments ip_arguments();

// A pid a line.
[[nodiscard]] Result<std::vector<std::int32_t>> parse_pids(std::string_view text);
// A UUID a line, which may be empty; or that there are no devices.
[[nodiscard]] Result<std::vector<std::string>> parse_uuids(std::string_view text);
// The numbers of the loops; no text at all is none.
[[nodiscard]] Result<std::vector<std::uint32_t>> parse_loops(std::string_view json);
// Names, aliases and whether it is a tap, of each link. iproute2 escapes quotes in an alias, but passes on control
// characters and bytes that are no UTF-8, which JSON may not hold: they are read as '?'.
[[nodiscard]] Result<std::vector<network::Link>> parse_links(std::string_view json);

// The loops in /proc/partitions: losetup sees none that has no node in /dev.
[[nodiscard]] std::vector<std::uint32_t> loops_in_partitions(std::string_view text);

}  // namespace banger::observe
