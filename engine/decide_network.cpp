#include <set>

#include "engine/deciding.h"

namespace banger {

std::expected<std::optional<VmAddressAssigned>, Rejection> choose_address(const Asked& asked, NetMode net,
                                                                          std::string_view current) {
  if (net != NetMode::kBridge) return std::nullopt;
  const auto& subnet = asked.limits.subnet;
  if (!subnet) {
    return refuse(Refusal::kWrongState, "this daemon has no bridge for VMs: it may not change the host's links",
                  "run bangerd as root (`bangerctl doctor` says what it lacks), or use --net user");
  }
  const auto has = parse_ipv4(current);
  if (has && subnet->may_be_guest(*has)) return std::nullopt;
  std::set<Ipv4> taken;
  for (const auto& [text, vm] : asked.fleet.guest_addresses) {
    if (auto address = parse_ipv4(text)) taken.insert(*address);
  }
  const auto address = free_address(*subnet, taken);
  if (!address) return std::unexpected(address.error());
  return VmAddressAssigned{address->text()};
}

}  // namespace banger
