// What there is of links (network interfaces) in this thread's network namespace: facts, looked up anew each time.
// The bridge's and the taps' steps look here first; the reconciler lists what is ours. Changes nothing. Blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/network/names.h"
#include "events/result.h"

namespace banger::network {

struct Link {
  unsigned index = 0;
  std::string name;
  std::string kind;   // "bridge", "tun" (taps, too), "veth", ...; empty for hardware
  std::string alias;
  bool up = false;
  unsigned master = 0;    // index of the bridge that it is a port of; 0: none
  bool isolated = false;  // as a port: reaches no other isolated port
  // Of a "tun":
  bool tap = false;
  bool vnet_hdr = false;
  bool persistent = false;
  bool attached = false;  // some process has it open: it has a carrier
  std::optional<std::uint32_t> owner_uid;

  friend bool operator==(const Link&, const Link&) = default;
};

// An Error says what this process lacks to make links: CAP_NET_ADMIN, or /dev/net/tun.
[[nodiscard]] Status may_change_links();

[[nodiscard]] Result<std::optional<Link>> find_link(const std::string& name);

// Every link of this namespace, by index.
[[nodiscard]] Result<std::vector<Link>> all_links();

// A link that a banger made. Not proven: its name is derived from ids, but its maker was stopped before it could
// leave its mark. Whoever knows the ids can tell by tap_name() whether it is theirs.
struct OurLink {
  Link link;
  Mark mark;
  bool proven = false;
};
// `link`, if it is one of them: with `store`'s mark, or without any and called like one.
[[nodiscard]] std::optional<OurLink> as_ours(StoreId store, Link link);
// Those with `store`'s mark, and those that nobody has marked yet, by index.
[[nodiscard]] Result<std::vector<OurLink>> our_links(StoreId store);

}  // namespace banger::network
