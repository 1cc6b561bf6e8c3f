// The changes to one link that bridge and taps have in common. Private to drivers/network.
#pragma once

#include <linux/rtnetlink.h>

#include "drivers/network/link.h"
#include "drivers/network/rtnl.h"

namespace banger::network {

// The fixed part of a message about one link; `flags` are those of `change` that are to be set.
[[nodiscard]] ifinfomsg head_of(unsigned index, unsigned flags = 0, unsigned change = 0);

// An error that says whose it is, unless `link` is of `kind` and has exactly this mark.
[[nodiscard]] Status check_ours(const Link& link, std::string_view kind, const Mark& mark);

[[nodiscard]] Status set_alias(const Rtnl& rtnl, const Link& link, const Mark& mark);
[[nodiscard]] Status set_up(const Rtnl& rtnl, const Link& link);
// No error where it has gone by itself.
[[nodiscard]] Status remove_link(const Rtnl& rtnl, const Link& link);

// What find_link() gives, or an error where it is not there.
[[nodiscard]] Result<Link> must_find(const std::string& name);

}  // namespace banger::network
