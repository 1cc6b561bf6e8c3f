#include "drivers/network/change.h"

#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>

namespace banger::network {

ifinfomsg head_of(unsigned index, unsigned flags, unsigned change) {
  return {.ifi_family = AF_UNSPEC, .ifi_index = static_cast<int>(index), .ifi_flags = flags, .ifi_change = change};
}

Status check_ours(const Link& link, std::string_view kind, const Mark& mark) {
  if (link.kind == kind && link.alias == alias_of(mark)) return {};
  const std::string is = link.kind.empty() ? "hardware" : "a " + link.kind;
  return fail("link " + link.name + " is not this banger's: it is " + is + " and its alias is '" + link.alias +
              "', not '" + alias_of(mark) + "'");
}

Status set_alias(const Rtnl& rtnl, const Link& link, const Mark& mark) {
  if (link.alias == alias_of(mark)) return {};
  Request request(RTM_SETLINK, NLM_F_REQUEST, head_of(link.index));
  request.text(IFLA_IFALIAS, alias_of(mark));
  return rtnl.change("mark link " + link.name, request);
}

Status set_up(const Rtnl& rtnl, const Link& link) {
  if (link.up) return {};
  const Request request(RTM_SETLINK, NLM_F_REQUEST, head_of(link.index, IFF_UP, IFF_UP));
  return rtnl.change("take link " + link.name + " up", request);
}

Status remove_link(const Rtnl& rtnl, const Link& link) {
  const Request request(RTM_DELLINK, NLM_F_REQUEST, head_of(link.index));
  auto removed = rtnl.change("remove link " + link.name, request);
  if (!removed && removed.error().sys_errno == ENODEV) return {};
  return removed;
}

Result<Link> must_find(const std::string& name) {
  auto found = find_link(name);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail_errno("link " + name, ENODEV);
  return **std::move(found);
}

}  // namespace banger::network
