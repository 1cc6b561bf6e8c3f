#include "drivers/vmm/firecracker/jail.h"

#include <string_view>
#include <utility>

#include "drivers/vmm/qemu_argv.h"

namespace banger::vmm::firecracker {
namespace {

// Names inside the chroot. Fixed, so that what a host's path holds never reaches Firecracker. They
// are relative to its root, where the jailer leaves Firecracker's working directory.
constexpr const char* kVsockInside = "run/vsock.sock";
constexpr const char* kKernelInside = "kernel";
constexpr const char* kInitrdInside = "initrd";
constexpr const char* kDiskInside = "disk";
constexpr const char* kSeedInside = "seed";
constexpr const char* kLogInside = "run/log";
constexpr const char* kMetricsInside = "run/metrics";
// cpu.max is "quota period" in microseconds.
constexpr std::uint64_t kCpuPeriodUs = 100'000;

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// A relative path whose parts are names: neither empty nor "." nor "..".
bool stays_below(std::string_view path) {
  while (true) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() == path.size()) return true;
    path.remove_prefix(part.size() + 1);
  }
}

Status check(const JailConfig& config, std::uint32_t uid) {
  if (!config.program.starts_with('/'))
    return fail("jail: the path of Firecracker is not absolute: " + config.program);
  if (!last_part(config.program).contains("firecracker")) {
    return fail("jail: the jailer starts only what is called firecracker, not " + config.program);
  }
  if (!config.base.starts_with('/')) return fail("jail: its base is not absolute: " + config.base);
  if (!stays_below(config.parent_cgroup)) {
    return fail("jail: no cgroup to put VMs in is '" + config.parent_cgroup + "'");
  }
  if (uid == 0 || config.gid == 0) return fail("jail: root in a jail is no jail");
  return {};
}

std::vector<std::string> jailer_argv(const JailConfig& config, const FirecrackerSpec& spec,
                                     std::uint32_t uid) {
  const std::string cpu_quota = std::to_string(spec.vcpus * kCpuPeriodUs);
  return {config.jailer,
          "--id",
          id_of(spec),
          "--exec-file",
          config.program,
          "--uid",
          std::to_string(uid),
          "--gid",
          std::to_string(config.gid),
          "--chroot-base-dir",
          config.base,
          "--cgroup-version",
          "2",
          "--parent-cgroup",
          config.parent_cgroup,
          "--cgroup",
          "memory.max=" + std::to_string(spec.memory_bytes + config.memory_overhead),
          "--cgroup",
          "cpu.max=" + cpu_quota + " " + std::to_string(kCpuPeriodUs),
          "--cgroup",
          "pids.max=" + std::to_string(config.max_processes),
          "--",
          "--api-sock",  // the jailer itself tells Firecracker its --id
          std::string(kJailApiSocket)};
}

// Puts `path` into the jail under the name `inside`, and calls it that from now on.
void enter(std::vector<JailEntry>& entries, std::string& path, const char* inside, bool writable,
           JailEntry::How how = JailEntry::How::kHardLink) {
  if (path.empty()) return;
  entries.push_back({std::exchange(path, inside), inside, how, writable});
}

}  // namespace

Result<std::uint32_t> jail_uid(const JailConfig& config, VmId vm,
                               const std::set<std::uint32_t>& taken) {
  if (config.uid_count == 0 || config.first_uid == 0 ||
      config.first_uid + std::uint64_t{config.uid_count} > UINT32_MAX) {
    return fail("jail: no range of users is " + std::to_string(config.uid_count) + " from " +
                std::to_string(config.first_uid));
  }
  const auto start = static_cast<std::uint32_t>(vm.value % config.uid_count);
  for (std::uint32_t i = 0; i < config.uid_count; ++i) {
    const auto uid = config.first_uid +
                     static_cast<std::uint32_t>((std::uint64_t{start} + i) % config.uid_count);
    if (!taken.contains(uid)) return uid;
  }
  return fail("jail: all " + std::to_string(config.uid_count) + " users are taken");
}

Result<Jail> jail_of(const JailConfig& config, const FirecrackerSpec& spec, bool disk_is_device,
                     std::uint32_t uid) {
  BANGER_TRY(check(config, uid));
  const std::string id = id_of(spec);
  Jail jail{.root = config.base + "/" + last_part(config.program) + "/" + id + "/root",
            .uid = uid,
            .gid = config.gid,
            .cgroup = config.parent_cgroup + "/" + id,
            .api_socket = {},
            .entries = {},
            .spec = spec,
            .argv = jailer_argv(config, spec, uid)};
  jail.api_socket = jail.root + "/" + std::string(kJailApiSocket);
  if (jail.api_socket.size() > kMaxSocketPath) {
    return fail("jail: its base is too long, sockets below it must fit " +
                std::to_string(kMaxSocketPath) + " bytes: " + config.base);
  }
  const auto disk = disk_is_device ? JailEntry::How::kDeviceNode : JailEntry::How::kHardLink;
  enter(jail.entries, jail.spec.kernel, kKernelInside, false);
  enter(jail.entries, jail.spec.initrd, kInitrdInside, false);
  enter(jail.entries, jail.spec.disk, kDiskInside, !spec.disk_read_only, disk);
  enter(jail.entries, jail.spec.seed, kSeedInside, false);
  enter(jail.entries, jail.spec.log, kLogInside, true);
  enter(jail.entries, jail.spec.metrics, kMetricsInside, true);
  // Firecracker makes this one itself; the host finds it below the root.
  if (jail.spec.vsock) jail.spec.vsock->socket = kVsockInside;
  return jail;
}

}  // namespace banger::vmm::firecracker
