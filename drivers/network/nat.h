// The host's rules for bridged guests, as one table of nftables that is ours alone: `inet banger`. A description
// goes in, a ruleset comes out (pure), and the kernel gets it in one transaction, so that there is never half of it.
// Other tables are neither read nor changed; what they drop stays dropped. For worker threads: blocking, in the
// calling thread's network namespace, with CAP_NET_ADMIN.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/addresses.h"
#include "events/ids.h"
#include "events/result.h"
#include "events/types.h"

namespace banger::network {

inline constexpr std::size_t kMaxPublishedPorts = 4096;

struct Published {
  Ipv4 guest;
  PortForward forward;  // 127.0.0.1: for this host alone; 0.0.0.0: on every address of it
};

struct NatPlan {
  StoreId store;  // who owns the table
  std::string bridge = "br-banger";
  Subnet subnet;
  bool masquerade = true;           // guests go out under the host's address; else somebody must route to them
  std::vector<Ipv4> open_guests;    // those whose taps are not isolated
  std::vector<Published> published;
  std::uint16_t dns_port = 0;       // of the resolver on 127.0.0.1, for what guests ask their gateway; 0: none
};

// What `nft -f` would take: the table as it is to be, whatever it was. docs/NETWORK.md says what its rules are for.
// Errors: a bridge's name or subnet that won't do, a guest that isn't in the subnet, a port published twice.
[[nodiscard]] Result<std::string> ruleset_text(const NatPlan& plan);

// What apply_nat() left behind, for compare_nat().
struct AppliedNat {
  NatPlan plan;
  std::string listing;          // as the kernel tells it
  bool turned_forwarding_on = false;  // this host did not forward before: worth telling
};

// Replaces the table, then lets the kernel forward (net.ipv4.ip_forward) and route 127.0.0.0/8 into the bridge
// (route_localnet, for what is published on loopback; the rules drop such packets from guests, so they come first).
// The bridge must be there. A table `inet banger` that isn't this store's is an Error and stays as it is.
// Connections that there are go on, also by a port that is no longer published.
[[nodiscard]] Result<AppliedNat> apply_nat(const NatPlan& plan);

enum class NatState {
  kAsApplied,
  kMissing,  // no such table
  kForeign,  // another banger's, or nobody knows whose
  kChanged,  // a rule, a set or one of the two switches is not as it was left
};
[[nodiscard]] Result<NatState> compare_nat(const AppliedNat& applied);

// No table and no route_localnet afterwards. Forwarding stays on: others may rely on it by now. A table that isn't
// this store's is an Error.
[[nodiscard]] Status remove_nat(StoreId store, const std::string& bridge);

}  // namespace banger::network
