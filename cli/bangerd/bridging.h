// Whether this daemon can have bridged guests, and on what bridge: from the configuration and from what it may do here.
#pragma once

#include "cli/bangerd/config.h"
#include "drivers/effects/network/guest_links.h"

namespace banger::bangerd {

// An Error says why there can be none: no CAP_NET_ADMIN, or no /dev/net/tun.
[[nodiscard]] Result<effects::LinkSettings> link_settings(const Config& config, StoreId store);

// The same in a line for people.
[[nodiscard]] std::string describe(const Result<effects::LinkSettings>& settings);

}  // namespace banger::bangerd
