// The tap of one VM: the end that a VMM opens, and a port of the bridge. Each step looks first and may be repeated;
// a crash in the middle of one is mended by the next. What isn't provably ours is never touched. For worker
// threads: blocking, in the calling thread's network namespace, with CAP_NET_ADMIN and /dev/net/tun.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "drivers/network/link.h"

namespace banger::network {

struct TapSpec {
  StoreId store;
  VmId vm;
  std::string bridge = "br-banger";  // must be this store's
  std::optional<uid_t> owner;        // who may open it without privilege; unset: who has it, and of a new one we
  bool isolated = true;              // reaches the host and the world, but no other isolated guest
};

// There, persistent, with virtio-net headers (QEMU's vnet_hdr, Firecracker's default), in the bridge, isolated or
// not, and up, in this order: it is never up in the bridge without the isolation that was asked for. Errors: the
// bridge isn't there or isn't ours; a link of the name isn't ours; a VMM has it open and it is of another make.
[[nodiscard]] Result<Link> ensure_tap(const TapSpec& spec);

// Gone afterwards, also where it was half made. A VMM that still has it open keeps a dead descriptor.
[[nodiscard]] Status remove_tap(StoreId store, VmId vm);

}  // namespace banger::network
