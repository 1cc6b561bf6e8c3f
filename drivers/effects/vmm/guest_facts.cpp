#include "drivers/effects/vmm/guest_facts.h"

#include <cstdio>
#include <ctime>

namespace banger::effects {

std::vector<PortForward> forwards_of(const VmRuntime& vm) {
  std::vector<PortForward> forwards = vm.settings.ports;
  if (vm.ssh_port != 0) forwards.push_back({"127.0.0.1", vm.ssh_port, 22, Protocol::kTcp, true});
  return forwards;
}

std::string mac_of(VmId vm) {
  char text[18];
  std::snprintf(text, sizeof text, "52:54:00:%02x:%02x:%02x", static_cast<unsigned>(vm.value >> 16 & 0xff),
                static_cast<unsigned>(vm.value >> 8 & 0xff), static_cast<unsigned>(vm.value & 0xff));
  return text;
}

vmm::GuestBoot boot_of(const VmRuntime& vm, const image::ImageInfo& image,
                       const std::optional<GuestAddress>& bridged) {
  vmm::GuestBoot boot{.hostname = vm.name, .unix_seconds = ::time(nullptr), .extra = image.cmdline};
  if (!bridged) return boot;
  boot.address = bridged->address;
  boot.gateway = bridged->gateway;
  boot.dns = bridged->dns;
  return boot;
}

}  // namespace banger::effects
