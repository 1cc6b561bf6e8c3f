#include "drivers/network/link.h"

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "drivers/network/rtnl.h"

namespace banger::network {
namespace {

template <std::size_t N>
using Attributes = std::array<nlattr*, N + 1>;

// Attributes within an attribute; all null where it isn't there or makes no sense.
template <std::size_t N>
Attributes<N> within(nlattr* nest) {
  Attributes<N> found{};
  if (nest != nullptr && nla_parse_nested(found.data(), N, nest, nullptr) < 0) found = {};
  return found;
}

std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* text = static_cast<const char*>(nla_data(attribute));
  return {text, ::strnlen(text, static_cast<std::size_t>(nla_len(attribute)))};
}

std::uint32_t number_of(const nlattr* attribute) {
  return attribute != nullptr && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : 0;
}

bool flag_of(const nlattr* attribute) {
  return attribute != nullptr && nla_len(attribute) >= 1 && nla_get_u8(attribute) != 0;
}

void read_tun(nlattr* data, Link& link) {
  const auto tun = within<IFLA_TUN_MAX>(data);
  link.tap = tun[IFLA_TUN_TYPE] != nullptr && nla_get_u8(tun[IFLA_TUN_TYPE]) == IFF_TAP;
  link.vnet_hdr = flag_of(tun[IFLA_TUN_VNET_HDR]);
  link.persistent = flag_of(tun[IFLA_TUN_PERSIST]);
  if (tun[IFLA_TUN_OWNER] != nullptr) link.owner_uid = number_of(tun[IFLA_TUN_OWNER]);
}

std::optional<Link> read_link(nlmsghdr* message) {
  Attributes<IFLA_MAX> all{};
  if (message->nlmsg_type != RTM_NEWLINK ||
      nlmsg_parse(message, sizeof(ifinfomsg), all.data(), IFLA_MAX, nullptr) < 0) {
    return std::nullopt;
  }
  const auto* head = static_cast<const ifinfomsg*>(nlmsg_data(message));
  Link link{.index = static_cast<unsigned>(head->ifi_index),
            .name = text_of(all[IFLA_IFNAME]),
            .alias = text_of(all[IFLA_IFALIAS]),
            .up = (head->ifi_flags & IFF_UP) != 0,
            .master = number_of(all[IFLA_MASTER])};
  const auto info = within<IFLA_INFO_MAX>(all[IFLA_LINKINFO]);
  link.kind = text_of(info[IFLA_INFO_KIND]);
  if (link.kind == "tun") read_tun(info[IFLA_INFO_DATA], link);
  link.attached = link.tap && flag_of(all[IFLA_CARRIER]);
  if (text_of(info[IFLA_INFO_SLAVE_KIND]) == "bridge") {
    link.isolated = flag_of(within<IFLA_BRPORT_MAX>(info[IFLA_INFO_SLAVE_DATA])[IFLA_BRPORT_ISOLATED]);
  }
  return link;
}

}  // namespace

Status may_change_links() {
  constexpr unsigned kNetAdmin = 12;  // CAP_NET_ADMIN, capabilities(7)
  std::ifstream status("/proc/self/status");
  std::uint64_t effective = 0;
  for (std::string word; status >> word;) {
    if (word == "CapEff:") status >> std::hex >> effective;
  }
  if ((effective >> kNetAdmin & 1) == 0) return fail("it may not change the host's links (CAP_NET_ADMIN)");
  if (::access("/dev/net/tun", R_OK | W_OK) != 0) return fail_errno("open /dev/net/tun", errno);
  return {};
}

Result<std::optional<Link>> find_link(const std::string& name) {
  if (!valid_link_name(name)) return fail("'" + name + "' can't be a link's name");
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  Request request(RTM_GETLINK, NLM_F_REQUEST, ifinfomsg{});
  request.text(IFLA_IFNAME, name);
  std::optional<Link> found;
  auto asked = rtnl->ask("look for link " + name, request, [&](nlmsghdr* message) { found = read_link(message); });
  if (!asked && asked.error().sys_errno == ENODEV) return std::nullopt;
  if (!asked) return std::unexpected(asked.error());
  return found;
}

Result<std::vector<Link>> all_links() {
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  std::map<unsigned, Link> found;
  const Request request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, ifinfomsg{});
  BANGER_TRY(rtnl->ask("list links", request, [&](nlmsghdr* message) {
    if (const auto link = read_link(message)) found[link->index] = *link;
  }));
  std::vector<Link> links;
  links.reserve(found.size());
  for (auto& [index, link] : found) links.push_back(std::move(link));
  return links;
}

std::optional<OurLink> as_ours(StoreId store, Link link) {
  const auto mark = parse_alias(link.alias);
  if (mark && mark->store == store) return OurLink{std::move(link), *mark, true};
  if (link.alias.empty() && looks_derived(link.name)) return OurLink{std::move(link), {store, {}}, false};
  return std::nullopt;
}

Result<std::vector<OurLink>> our_links(StoreId store) {
  auto links = all_links();
  if (!links) return std::unexpected(links.error());
  std::vector<OurLink> ours;
  for (Link& link : *links) {
    if (auto our = as_ours(store, std::move(link))) ours.push_back(*std::move(our));
  }
  return ours;
}

}  // namespace banger::network
