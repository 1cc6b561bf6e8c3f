#include "drivers/effects/vmm/qemu_driver.h"

#include "drivers/effects/vmm/guest_facts.h"
#include "drivers/effects/vmm/qmp_monitor.h"
#include "drivers/vmm/qemu_argv.h"

namespace banger::effects {
namespace {

vmm::QemuSpec qemu_spec(const VmmOrder& order, const Acceleration& acceleration) {
  const VmRuntime& vm = order.vm;
  vmm::GuestBoot boot = boot_of(vm, order.image, order.bridged);
  boot.accel = acceleration.accel;
  boot.tsc_khz = acceleration.tsc_khz;
  return {.vm = vm.id,
          .incarnation = vm.incarnation,
          .accel = acceleration.accel,
          .vcpus = vm.settings.vcpus,
          .memory_bytes = vm.settings.memory_mib << 20,
          .kernel = order.image.kernel,
          .initrd = order.image.initrd,
          .cmdline = vmm::guest_cmdline(boot),
          .disk = order.disk.path,
          .disk_format = order.disk.format,
          .seed = order.paths.seed,
          .network = vm.settings.net == NetMode::kUser,
          .tap = order.handles.tap_device,
          .mac = mac_of(vm.id),
          .forwards = forwards_of(vm),
          .api_socket = order.paths.api_socket,
          .pidfile = order.paths.pidfile,
          .console = order.paths.console_pipe};
}

}  // namespace

Status QemuDriver::can_run(const VmRuntime&, const image::ImageInfo&) const { return {}; }

Result<VmmLaunch> QemuDriver::prepare(const VmmOrder& order) const {
  auto acceleration = accelerator_.decide(order.image.kernel);
  if (!acceleration) return std::unexpected(acceleration.error());
  VmmLaunch launch{.argv = vmm::qemu_argv(qemu_spec(order, *acceleration)), .jail = {}, .set_up = {}, .runs_as = {}};
  launch.argv[0] = config_.vmm_program;
  return launch;
}

std::unique_ptr<VmmMonitor> QemuDriver::watch(Watched watched) const {
  return std::make_unique<QmpMonitor>(watched.loop, watched.paths.api_socket, std::move(watched.up));
}

}  // namespace banger::effects
