// The bridge that guests' taps are ports of, and that the host is their gateway on. Each step looks first and may be
// repeated, and a crash in the middle of one is mended by the next. What isn't provably ours is never touched.
// For worker threads: blocking, in the calling thread's network namespace, with CAP_NET_ADMIN.
#pragma once

#include <string>

#include "drivers/network/link.h"
#include "engine/addresses.h"

namespace banger::network {

struct BridgeSpec {
  StoreId store;  // who owns it
  std::string name = "br-banger";
  Subnet subnet;  // its address, and its guests'
};

// Makes it where it isn't, gives it its address and takes it up. Errors: a name or subnet that won't do, a link of
// that name that isn't ours, a subnet that overlaps with another link's address here, and what the kernel says.
// Other addresses that somebody gave our bridge are left alone.
[[nodiscard]] Result<Link> ensure_bridge(const BridgeSpec& spec);

// Gone afterwards. Errors: it isn't ours, or still has ports.
[[nodiscard]] Status remove_bridge(StoreId store, const std::string& name);

}  // namespace banger::network
