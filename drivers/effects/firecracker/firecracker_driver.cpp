#include "drivers/effects/firecracker/firecracker_driver.h"

#include <fstream>

#include "drivers/effects/firecracker/firecracker_monitor.h"
#include "drivers/effects/firecracker/jail_steps.h"
#include "drivers/effects/vmm/guest_facts.h"
#include "drivers/vmm/console.h"
#include "drivers/vmm/firecracker/api_client.h"

namespace banger::effects {
namespace {

namespace fc = vmm::firecracker;

constexpr std::uint32_t kMostVcpus = 32;
constexpr fc::Duration kStartLimit{20'000};
constexpr fc::Duration kCallLimit{5'000};
// The keyboard controller is all of a PC that it has: reset by it, no probing of what is not there, no PCI.
constexpr const char* kKernelWords = "reboot=k pci=off i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd";

bool is_elf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  return file.read(magic, sizeof magic) && std::string_view(magic, sizeof magic) == "\177ELF";
}

fc::FirecrackerSpec spec_of(const VmmOrder& order) {
  const VmRuntime& vm = order.vm;
  vmm::GuestBoot boot = boot_of(vm, order.image, order.bridged);
  boot.accel = vmm::Accel::kKvm;
  boot.extra = kKernelWords + (boot.extra.empty() ? "" : " " + boot.extra);
  fc::FirecrackerSpec spec{.vm = vm.id, .incarnation = vm.incarnation};
  spec.vcpus = vm.settings.vcpus;
  spec.memory_bytes = vm.settings.memory_mib << 20;
  spec.kernel = order.image.kernel;
  spec.initrd = order.image.initrd;
  spec.disk = order.disk.path;
  spec.seed = order.paths.seed;
  if (!order.handles.tap_device.empty()) {
    spec.network = fc::NetworkInterface{order.handles.tap_device, mac_of(vm.id)};
  } else {
    boot.address = boot.gateway = boot.dns = "";
  }
  spec.cmdline = vmm::guest_cmdline(boot);
  spec.log = order.paths.vmm_log_pipe;
  spec.metrics = order.paths.metrics_pipe;
  return spec;
}

SetUp told_over(std::string socket, fc::FirecrackerSpec spec) {
  return [socket = std::move(socket), spec = std::move(spec)](const std::atomic<bool>& cancelled) -> Status {
    auto started = fc::configure_and_start(
        socket, spec, {.whole = kStartLimit, .call = kCallLimit, .still_there = [&] { return !cancelled; }});
    if (!started) return std::unexpected(started.error());
    return {};
  };
}

}  // namespace

Status FirecrackerDriver::can_run(const VmRuntime& vm, const image::ImageInfo& image) const {
  if (vm.settings.net == NetMode::kUser) {
    return fail("Firecracker has no user networking (--net user): create the VM with another --net, or set "
                "vmm.kind = \"auto\" or \"qemu\" in the configuration");
  }
  if (vm.settings.vcpus > kMostVcpus) {
    return fail("Firecracker takes at most " + std::to_string(kMostVcpus) + " CPUs: ask for fewer, or set vmm.kind = "
                "\"auto\" or \"qemu\" in the configuration");
  }
  if (!is_elf(image.kernel)) {
    return fail("Firecracker takes an uncompressed kernel only (vmlinux), and this image's is none: build the image "
                "with `bangerctl image build`, or import it with such a kernel");
  }
  return {};
}

Result<VmmLaunch> FirecrackerDriver::prepare(const VmmOrder& order) const {
  // There before it is told to write to them; the monitor reads them.
  for (const std::string& pipe : {order.paths.vmm_log_pipe, order.paths.metrics_pipe}) {
    auto made = vmm::open_console(pipe);
    if (!made) return std::unexpected(made.error());
    Fd reader(*made);
  }
  const fc::FirecrackerSpec spec = spec_of(order);
  BANGER_TRY(fc::start_requests(spec));  // what cannot be said is an error before anything runs
  if (config_.jailer.empty()) {
    return VmmLaunch{.argv = fc::firecracker_argv(spec, config_.firecracker_program, order.paths.api_socket),
                     .jail = {},
                     .set_up = told_over(order.paths.api_socket, spec),
                     .runs_as = {}};
  }
  auto jail = make_jail(config_, spec);
  if (!jail) return std::unexpected(jail.error());
  return VmmLaunch{.argv = std::move(jail->argv),
                   .jail = std::move(jail->root),
                   .set_up = told_over(std::move(jail->api_socket), std::move(jail->spec)),
                   .runs_as = jail->uid};
}

bool FirecrackerDriver::was_started(const VmPaths& paths, VmId vm, const VmmSighting& sighting) const {
  auto info = fc::instance_info(api_socket_of(paths, sighting.jail), kCallLimit);
  return info && info->id == vmm_name({vm, sighting.incarnation}) && info->state != fc::InstanceState::kNotStarted;
}

std::unique_ptr<VmmMonitor> FirecrackerDriver::watch(Watched watched) const {
  return std::make_unique<FirecrackerMonitor>(std::move(watched));
}

Status FirecrackerDriver::remove(VmId vm) const { return remove_jails(config_.layout, vm); }

}  // namespace banger::effects
