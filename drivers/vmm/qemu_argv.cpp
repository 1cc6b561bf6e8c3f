#include "drivers/vmm/qemu_argv.h"

#include "events/assert.h"

namespace banger::vmm {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;

// QEMU's option values end at a comma; two stand for one.
std::string escaped(std::string_view value) {
  std::string out;
  for (char c : value) {
    out += c;
    if (c == ',') out += ',';
  }
  return out;
}

// The tap is there, up and in its bridge: no script of the host's is to touch it.
std::string tap_netdev(const std::string& tap) {
  return "tap,id=net0,ifname=" + escaped(tap) + ",script=no,downscript=no,vhost=off";
}

std::string user_netdev(const std::vector<PortForward>& forwards) {
  std::string netdev = "user,id=net0,ipv6=off";
  for (const auto& forward : forwards) {
    netdev += ",hostfwd=" + std::string(name_of(forward.protocol)) + ":" + escaped(forward.host_address) + ":" +
              std::to_string(forward.host_port) + "-:" + std::to_string(forward.guest_port);
  }
  return netdev;
}

}  // namespace

std::string qmp_argument(std::string_view api_socket) {
  return "unix:" + escaped(api_socket) + ",server=on,wait=off";
}

std::vector<std::string> qemu_argv(const QemuSpec& spec) {
  BANGER_ASSERT(spec.vcpus > 0 && spec.memory_bytes >= kMiB && spec.memory_bytes % kMiB == 0);
  BANGER_ASSERT(!spec.api_socket.empty() && spec.api_socket.size() <= kMaxSocketPath);
  const bool kvm = spec.accel == Accel::kKvm;
  std::vector<std::string> argv = {
      "qemu-system-x86_64", "-name", vmm_name({spec.vm, spec.incarnation}),
      // Nothing of the user's configuration, no device that is not named here.
      "-nodefaults", "-no-user-config", "-display", "none", "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-M",
      "microvm,auto-kernel-cmdline=off",
      // tb-size bounds the translation cache: its default is a share of the host's memory.
      "-accel", kvm ? "kvm" : "tcg,tb-size=64", "-cpu", kvm ? "host" : "max", "-smp",
      std::to_string(spec.vcpus), "-m", std::to_string(spec.memory_bytes / kMiB) + "M",
      // A guest that reboots ends its VMM; whether it is started again is the reconciler's
      // business.
      "-no-reboot", "-kernel", spec.kernel, "-append", spec.cmdline};
  auto add = [&argv](std::initializer_list<std::string> more) { argv.insert(argv.end(), more); };
  if (!spec.initrd.empty()) add({"-initrd", spec.initrd});
  add({"-drive",
       "if=none,id=root,format=" + spec.disk_format + ",discard=unmap,file=" + escaped(spec.disk),
       "-device", "virtio-blk-device,drive=root"});
  if (!spec.seed.empty()) {
    add({"-drive", "if=none,id=seed,format=raw,readonly=on,file=" + escaped(spec.seed), "-device",
         "virtio-blk-device,drive=seed"});
  }
  if (spec.network || !spec.tap.empty()) {
    add({"-netdev", spec.tap.empty() ? user_netdev(spec.forwards) : tap_netdev(spec.tap), "-device",
         "virtio-net-device,netdev=net0" + (spec.mac.empty() ? "" : ",mac=" + spec.mac)});
  }
  add({"-chardev", "file,id=console,append=on,path=" + escaped(spec.console), "-serial",
       "chardev:console"});
  add({"-qmp", qmp_argument(spec.api_socket), "-pidfile", spec.pidfile});
  return argv;
}

std::string guest_cmdline(const GuestBoot& boot) {
  // reboot=t and panic=-1: a guest that dies ends its VMM at once, instead of sitting there.
  std::string line = "console=ttyS0 quiet reboot=t panic=-1";
  if (boot.accel == Accel::kTcg) {
    BANGER_ASSERT(boot.tsc_khz > 0);
    line += " nokaslr tsc_early_khz=" + std::to_string(boot.tsc_khz);
  }
  auto word = [&line](const char* name, const std::string& value) {
    BANGER_ASSERT(value.find_first_of(" \n\"") == std::string::npos);
    if (!value.empty()) line += std::string(" ") + name + "=" + value;
  };
  word("vm.ip", boot.address);
  word("vm.gw", boot.gateway);
  word("vm.dns", boot.dns);
  word("vm.host", boot.hostname);
  if (boot.unix_seconds > 0) word("vm.time", std::to_string(boot.unix_seconds));
  if (!boot.extra.empty()) line += " " + boot.extra;
  return line;
}

}  // namespace banger::vmm
