#include "drivers/network/bridge.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/attr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "drivers/network/change.h"
#include "drivers/network/rtnl.h"

namespace banger::network {
namespace {

// Its own, and the same every time. Else a bridge takes on the lowest address of its ports, and whenever a tap comes
// or goes the guests' idea of where their gateway is would be wrong for a while.
std::array<std::uint8_t, 6> hardware_address(StoreId store) {
  std::array<std::uint8_t, 6> address{0x02};  // locally administered, one host's
  for (std::size_t i = 1; i < address.size(); ++i) address[i] = static_cast<std::uint8_t>(store.lo >> (8 * i));
  return address;
}

using Address = std::pair<unsigned, Subnet>;  // the link's index, and what is on it

Result<std::set<Address>> all_addresses(const Rtnl& rtnl) {
  std::set<Address> found;
  const Request request(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, ifaddrmsg{.ifa_family = AF_INET});
  BANGER_TRY(rtnl.ask("list addresses", request, [&](nlmsghdr* message) {
    std::array<nlattr*, IFA_MAX + 1> all{};
    if (nlmsg_parse(message, sizeof(ifaddrmsg), all.data(), IFA_MAX, nullptr) < 0) return;
    const auto* head = static_cast<const ifaddrmsg*>(nlmsg_data(message));
    if (all[IFA_LOCAL] == nullptr || nla_len(all[IFA_LOCAL]) != 4) return;
    found.insert({head->ifa_index, {{ntohl(nla_get_u32(all[IFA_LOCAL]))}, head->ifa_prefixlen}});
  }));
  return found;
}

std::string name_of_link(unsigned index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) != nullptr ? name.data() : "link " + std::to_string(index);
}

Status check_spec(const BridgeSpec& spec) {
  if (!valid_link_name(spec.name) || looks_derived(spec.name)) {
    return fail("'" + spec.name + "' can't be the bridge's name: a letter, then letters, digits, '-', '_' and '.', " +
                std::to_string(kMaxLinkName) + " in all at most");
  }
  if (auto checked = check_subnet(spec.subnet); !checked) return fail(checked.error().message);
  return {};
}

Status check_no_overlap(const std::set<Address>& addresses, const BridgeSpec& spec, unsigned own_index) {
  for (const auto& [index, subnet] : addresses) {
    if (index == own_index || !overlap(subnet, spec.subnet)) continue;
    return fail(name_of_link(index) + " has " + subnet.text() + ", which overlaps with " + spec.subnet.network_text() +
                " for guests: configure another subnet");
  }
  return {};
}

// Under a name that proves it ours until its alias does, because the kernel takes no alias with a new link.
Status make_bridge(const Rtnl& rtnl, const BridgeSpec& spec) {
  const std::string half_made = half_made_bridge_name(spec.store);
  auto begun = find_link(half_made);
  if (!begun) return std::unexpected(begun.error());
  if (!*begun) {
    Request request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
    const auto hardware = hardware_address(spec.store);
    request.text(IFLA_IFNAME, half_made).bytes(IFLA_ADDRESS, hardware.data(), hardware.size());
    request.nest(IFLA_LINKINFO, [](Request& info) { info.text(IFLA_INFO_KIND, "bridge"); });
    BANGER_TRY(rtnl.change("make bridge " + spec.name, request));
    begun = find_link(half_made);
    if (!begun) return std::unexpected(begun.error());
    if (!*begun) return fail("bridge " + spec.name + " has gone while it was made");
  }
  const Link& link = **begun;
  BANGER_TRY(set_alias(rtnl, link, {spec.store, {}}));
  Request rename(RTM_SETLINK, NLM_F_REQUEST, head_of(link.index));
  rename.text(IFLA_IFNAME, spec.name);
  return rtnl.change("name the bridge " + spec.name, rename);
}

Status add_address(const Rtnl& rtnl, const BridgeSpec& spec, unsigned index) {
  Request request(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL,
                  ifaddrmsg{.ifa_family = AF_INET, .ifa_prefixlen = spec.subnet.prefix, .ifa_index = index});
  const std::uint32_t address = htonl(spec.subnet.gateway.value);
  const std::uint32_t broadcast = htonl(spec.subnet.broadcast().value);
  request.bytes(IFA_LOCAL, &address, sizeof address).bytes(IFA_ADDRESS, &address, sizeof address);
  request.bytes(IFA_BROADCAST, &broadcast, sizeof broadcast);
  auto added = rtnl.change("give " + spec.subnet.text() + " to " + spec.name, request);
  if (!added && added.error().sys_errno == EEXIST) return {};  // somebody was quicker
  return added;
}

}  // namespace

Result<Link> ensure_bridge(const BridgeSpec& spec) {
  BANGER_TRY(check_spec(spec));
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  auto bridge = find_link(spec.name);
  if (!bridge) return std::unexpected(bridge.error());
  if (*bridge) BANGER_TRY(check_ours(**bridge, "bridge", {spec.store, {}}));
  auto addresses = all_addresses(*rtnl);
  if (!addresses) return std::unexpected(addresses.error());
  BANGER_TRY(check_no_overlap(*addresses, spec, *bridge ? (*bridge)->index : 0));
  if (!*bridge) {
    BANGER_TRY(make_bridge(*rtnl, spec));
    bridge = find_link(spec.name);
    if (!bridge) return std::unexpected(bridge.error());
    if (!*bridge) return fail("bridge " + spec.name + " has gone while it was made");
  }
  const unsigned index = (*bridge)->index;
  if (!addresses->contains({index, spec.subnet})) BANGER_TRY(add_address(*rtnl, spec, index));
  BANGER_TRY(set_up(*rtnl, **bridge));
  return must_find(spec.name);
}

Status remove_bridge(StoreId store, const std::string& name) {
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  auto links = all_links();
  if (!links) return std::unexpected(links.error());
  for (const Link& link : *links) {
    const bool half_made = link.name == half_made_bridge_name(store);
    if (link.name != name && !half_made) continue;
    if (!half_made) BANGER_TRY(check_ours(link, "bridge", {store, {}}));
    const auto ports = std::ranges::count(*links, link.index, &Link::master);
    if (ports > 0) return fail("bridge " + name + " still has " + std::to_string(ports) + " ports");
    BANGER_TRY(remove_link(*rtnl, link));
  }
  return {};
}

}  // namespace banger::network
