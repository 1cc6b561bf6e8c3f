// GuestLinks: the bridge, the rules, and the taps of one store's bridged guests, each as it is to be. Steps may come
// from several worker threads: a lock lets one at a time change or look. Blocking; needs CAP_NET_ADMIN.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drivers/effects/vmm/guest_facts.h"
#include "drivers/network/nat.h"
#include "engine/guest_network.h"
#include "engine/observation.h"

namespace banger::effects {

struct LinkSettings {
  StoreId store;
  std::string bridge = "br-banger";
  Subnet subnet;
  bool masquerade = true;
  std::vector<std::string> upstream_dns;  // whom guests ask for names that are not <name>.vm
};

class GuestLinks {
 public:
  // Without settings no bridged guests can be had here, and every step is an Error or does nothing.
  explicit GuestLinks(std::optional<LinkSettings> settings) : settings_(std::move(settings)) {}

  [[nodiscard]] const std::optional<LinkSettings>& settings() const { return settings_; }

  // What the VM's tap is called, there or not.
  [[nodiscard]] std::string tap_of(VmId vm) const;
  // What the guest of a bridged VM is told; nothing for one that is not bridged.
  [[nodiscard]] std::optional<GuestAddress> address_of(const VmRuntime& vm) const;
  // The VM's tap in the bridge, which is made first where it is not there, with its rules: no guest ever runs without.
  // `owner`: the VMM's user, where that is not ours. Errors: as ensure_bridge, apply_nat, ensure_tap; an address that
  // is not in the subnet.
  [[nodiscard]] Status acquire(const VmRuntime& vm, std::optional<uid_t> owner = std::nullopt);
  // Gone afterwards.
  [[nodiscard]] Status release(VmId vm);
  [[nodiscard]] Result<bool> holds(VmId vm) const;

  // All that these guests share: bridge, taps as they are to be in it, rules. For none of them, neither bridge nor
  // rules; EBUSY while a guest's tap is there, an Error while somebody else's port is. `dns_port`: the resolver's on 127.0.0.1; 0: none.
  [[nodiscard]] Status set(const GuestNetwork& network, std::uint16_t dns_port);

  // Whether bridge and rules are as the last set() or acquire() left them.
  [[nodiscard]] NetworkSighting look() const;

 private:
  [[nodiscard]] Status ensure_rules();
  [[nodiscard]] Status check_no_guest() const;

  const std::optional<LinkSettings> settings_;
  mutable std::mutex mutex_;
  std::optional<network::AppliedNat> applied_;
};

}  // namespace banger::effects
