#include "drivers/effects/network/guest_links.h"

#include <algorithm>

#include "drivers/network/bridge.h"
#include "drivers/network/tap.h"

namespace banger::effects {
namespace {

std::unexpected<Error> not_here() { return fail("this daemon may not change the host's links"); }

network::NatPlan plan_of(const LinkSettings& settings, const GuestNetwork& guests, std::uint16_t dns_port) {
  network::NatPlan plan{.store = settings.store,
                        .bridge = settings.bridge,
                        .subnet = settings.subnet,
                        .masquerade = settings.masquerade,
                        .open_guests = {},
                        .published = {},
                        .dns_port = dns_port};
  for (const BridgedGuest& guest : guests) {
    const auto address = parse_ipv4(guest.address);
    // One that was given in another subnet cannot be on this bridge; its start says so.
    if (!address || !settings.subnet.may_be_guest(*address)) continue;
    if (guest.open) plan.open_guests.push_back(*address);
    for (const PortForward& forward : guest.ports) plan.published.push_back({*address, forward});
  }
  return plan;
}

network::TapSpec tap_spec(const LinkSettings& settings, VmId vm, bool open, std::optional<uid_t> owner = {}) {
  return {.store = settings.store, .vm = vm, .bridge = settings.bridge, .owner = owner, .isolated = !open};
}

}  // namespace

std::string GuestLinks::tap_of(VmId vm) const { return settings_ ? network::tap_name(settings_->store, vm) : ""; }

std::optional<GuestAddress> GuestLinks::address_of(const VmRuntime& vm) const {
  if (!settings_ || vm.settings.net != NetMode::kBridge) return std::nullopt;
  GuestAddress told{.address = vm.guest_ip + "/" + std::to_string(settings_->subnet.prefix),
                    .gateway = settings_->subnet.gateway.text(),
                    .dns = settings_->subnet.gateway.text()};  // which refuses others' names, so that the next is asked
  for (const std::string& server : settings_->upstream_dns) told.dns += "," + server;
  return told;
}

// Before the first set() of this daemon: the rules that every guest lives under, whatever a daemon before left there.
Status GuestLinks::ensure_rules() {
  if (applied_) return {};
  auto applied = network::apply_nat(plan_of(*settings_, {}, 0));
  if (!applied) return std::unexpected(applied.error());
  applied_ = *std::move(applied);
  return {};
}

// A guest whose tap is still there may still run, and must not without rules.
Status GuestLinks::check_no_guest() const {
  const auto links = network::our_links(settings_->store);
  if (!links) return std::unexpected(links.error());
  for (const network::OurLink& each : *links) {
    if (each.link.tap && each.proven) return fail("the tap " + each.link.name + " is still there", EBUSY);
  }
  return {};
}

Status GuestLinks::acquire(const VmRuntime& vm, std::optional<uid_t> owner) {
  if (!settings_) return not_here();
  const auto address = parse_ipv4(vm.guest_ip);
  if (!address || !settings_->subnet.may_be_guest(*address)) {
    return fail("its address " + vm.guest_ip + " is not one of " + settings_->subnet.network_text() +
                ": start it again, and it gets another");
  }
  std::lock_guard lock(mutex_);
  if (auto bridge = network::ensure_bridge({settings_->store, settings_->bridge, settings_->subnet}); !bridge) {
    return std::unexpected(bridge.error());
  }
  BANGER_TRY(ensure_rules());
  if (auto tap = network::ensure_tap(tap_spec(*settings_, vm.id, vm.settings.open, owner)); !tap) {
    return std::unexpected(tap.error());
  }
  return {};
}

Status GuestLinks::release(VmId vm) {
  if (!settings_) return {};
  std::lock_guard lock(mutex_);
  return network::remove_tap(settings_->store, vm);
}

Result<bool> GuestLinks::holds(VmId vm) const {
  if (!settings_) return false;
  auto link = network::find_link(tap_of(vm));
  if (!link) return std::unexpected(link.error());
  return link->has_value();
}

Status GuestLinks::set(const GuestNetwork& network, std::uint16_t dns_port) {
  if (!settings_) return network.empty() ? Status() : not_here();
  std::lock_guard lock(mutex_);
  if (network.empty()) {
    BANGER_TRY(check_no_guest());
    applied_.reset();
    BANGER_TRY(network::remove_nat(settings_->store, settings_->bridge));
    return network::remove_bridge(settings_->store, settings_->bridge);
  }
  if (auto bridge = network::ensure_bridge({settings_->store, settings_->bridge, settings_->subnet}); !bridge) {
    return std::unexpected(bridge.error());
  }
  auto applied = network::apply_nat(plan_of(*settings_, network, dns_port));
  if (!applied) return std::unexpected(applied.error());
  applied_ = *std::move(applied);
  for (const BridgedGuest& guest : network) {
    auto link = network::find_link(tap_of(guest.vm));
    if (!link) return std::unexpected(link.error());
    if (!*link) continue;  // its start makes it, or it was taken from it
    if (auto tap = network::ensure_tap(tap_spec(*settings_, guest.vm, guest.open)); !tap) {
      return std::unexpected(tap.error());
    }
  }
  return {};
}

NetworkSighting GuestLinks::look() const {
  if (!settings_) return NetworkSighting::kUnknown;
  std::lock_guard lock(mutex_);
  const auto bridge = network::find_link(settings_->bridge);
  // Without rules of this daemon's: is there a table of ours at all?
  const auto rules = network::compare_nat(applied_.value_or(network::AppliedNat{plan_of(*settings_, {}, 0), "", false}));
  if (!bridge || !rules) return NetworkSighting::kUnknown;
  const bool is_ours = *bridge && (*bridge)->alias == network::alias_of({settings_->store, {}});
  if (*rules == network::NatState::kForeign || (*bridge && !is_ours)) return NetworkSighting::kForeign;
  if (!*bridge && *rules == network::NatState::kMissing) return NetworkSighting::kAbsent;
  if (is_ours && applied_ && *rules == network::NatState::kAsApplied) return NetworkSighting::kAsLeft;
  return NetworkSighting::kDamaged;
}

}  // namespace banger::effects
