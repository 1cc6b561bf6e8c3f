#include "drivers/network/tap.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "drivers/host/wait_a_little.h"
#include "drivers/network/change.h"
#include "drivers/network/rtnl.h"
#include "drivers/uv/fd.h"

namespace banger::network {
namespace {

// Our name and nobody's mark: whoever made it was stopped before it could leave one. 52 bits of a hash of our ids
// are proof enough of that. With a mark it must be exactly ours.
Status check_tap(const Link& link, const Mark& mark) {
  if (link.kind == "tun" && link.alias.empty()) return {};
  return check_ours(link, "tun", mark);
}

bool made_right(const Link& link, const TapSpec& spec) {
  const bool owned = spec.owner ? link.owner_uid == spec.owner : link.owner_uid.has_value();
  return link.tap && link.vnet_hdr && link.persistent && owned;
}

// Makes it, or makes it right. Until it is persistent it goes with our descriptor, so that nothing is left of a crash.
Status make_tap(const std::string& name, const TapSpec& spec) {
  const Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd) return fail_errno("open /dev/net/tun", errno);
  ifreq request{};
  std::memcpy(request.ifr_name, name.c_str(), name.size());  // 15 at most, and zero behind it
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return fail_errno("make tap " + name, errno);
  if (::ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(spec.owner.value_or(::geteuid()))) != 0) {
    return fail_errno("set the owner of tap " + name, errno);
  }
  if (::ioctl(fd.get(), TUNSETPERSIST, 1UL) != 0) return fail_errno("keep tap " + name, errno);
  return {};
}

// Our own descriptor is closed, and may live on for a moment in a child of another thread that was forked meanwhile and has not
// come to its exec(2): till then a VMM would be told that its tap is busy.
Status await_detached(const std::string& name) {
  constexpr std::chrono::seconds kPatience{10};
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const auto link = must_find(name);
    if (!link) return std::unexpected(link.error());
    if (!link->attached) return {};
    if (!host::wait_a_little(until, std::chrono::milliseconds(1))) return fail("some process keeps the tap " + name + " open", EBUSY);
  }
}

Status set_master(const Rtnl& rtnl, const Link& link, const Link& bridge) {
  if (link.master == bridge.index) return {};
  // Down first: it must not be up in a bridge before it is isolated there.
  Request request(RTM_SETLINK, NLM_F_REQUEST, head_of(link.index, 0, IFF_UP));
  BANGER_TRY(rtnl.change("take link " + link.name + " down", request));
  Request join(RTM_SETLINK, NLM_F_REQUEST, head_of(link.index));
  join.number(IFLA_MASTER, bridge.index);
  return rtnl.change("put " + link.name + " into " + bridge.name, join);
}

Status set_isolated(const Rtnl& rtnl, const Link& link, bool isolated) {
  if (link.isolated == isolated) return {};
  Request request(RTM_NEWLINK, NLM_F_REQUEST, head_of(link.index));
  request.nest(IFLA_LINKINFO, [&](Request& info) {
    info.text(IFLA_INFO_SLAVE_KIND, "bridge");
    info.nest(IFLA_INFO_SLAVE_DATA, [&](Request& port) { port.byte(IFLA_BRPORT_ISOLATED, isolated ? 1 : 0); });
  });
  return rtnl.change(std::string(isolated ? "isolate " : "open ") + link.name, request);
}

}  // namespace

Result<Link> ensure_tap(const TapSpec& spec) {
  const std::string name = tap_name(spec.store, spec.vm);
  const Mark mark{spec.store, spec.vm};
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  const auto bridge = must_find(spec.bridge);
  if (!bridge) return with_context("the bridge for tap " + name, bridge.error());
  BANGER_TRY(check_ours(*bridge, "bridge", {spec.store, {}}));

  auto found = find_link(name);
  if (!found) return std::unexpected(found.error());
  if (*found) BANGER_TRY(check_tap(**found, mark));
  if (!*found || !made_right(**found, spec)) {
    BANGER_TRY(make_tap(name, spec));
    BANGER_TRY(await_detached(name));
  }
  auto link = must_find(name);
  if (!link) return link;
  BANGER_TRY(set_alias(*rtnl, *link, mark));
  BANGER_TRY(set_master(*rtnl, *link, *bridge));
  link = must_find(name);  // out of one bridge and into another it has lost what it was there
  if (!link) return link;
  BANGER_TRY(set_isolated(*rtnl, *link, spec.isolated));
  BANGER_TRY(set_up(*rtnl, *link));
  return must_find(name);
}

Status remove_tap(StoreId store, VmId vm) {
  const std::string name = tap_name(store, vm);
  auto found = find_link(name);
  if (!found) return std::unexpected(found.error());
  if (!*found) return {};
  BANGER_TRY(check_tap(**found, {store, vm}));
  auto rtnl = Rtnl::open();
  if (!rtnl) return std::unexpected(rtnl.error());
  return remove_link(*rtnl, **found);
}

}  // namespace banger::network
