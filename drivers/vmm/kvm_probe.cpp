#include "drivers/vmm/kvm_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "drivers/host/child.h"
#include "drivers/host/durable.h"

namespace banger::vmm {
namespace {

// The kernel says so when it has no root file system: it came all the way up by itself.
constexpr std::string_view kMarker = "Unable to mount root fs";

// What a verdict holds for: this boot of this host's kernel, and the guest kernel that was tried.
Result<std::string> key_of(const KvmProbe& probe) {
  struct stat st{};
  if (::stat(probe.kernel.c_str(), &st) != 0) return fail_errno("look at " + probe.kernel, errno);
  utsname host{};
  (void)::uname(&host);
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::string boot_id;
  std::getline(boot, boot_id);
  return boot_id + " " + host.release + " " + probe.device + " " + probe.kernel + " " +
         std::to_string(st.st_size) + " " + std::to_string(st.st_mtim.tv_sec);
}

Result<KvmVerdict> trial(const KvmProbe& probe) {
  host::ChildSpec child;
  child.argv = {"qemu-system-x86_64",
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-no-reboot",
                "-M",
                "microvm,auto-kernel-cmdline=off",
                "-accel",
                "kvm",
                "-cpu",
                "host",
                "-m",
                "128M",
                "-kernel",
                probe.kernel,
                "-append",
                "console=ttyS0 reboot=t panic=-1",
                "-serial",
                "stdio"};
  child.deadline = probe.deadline;
  std::string seen;
  auto result = host::run_child(child, [&seen](std::string_view line) {
    if (line.find(kMarker) != std::string_view::npos) seen = line;
  });
  if (!seen.empty()) return KvmVerdict{true, "a trial boot came up", false};
  if (result && result->exit_code == 127) return fail("qemu-system-x86_64 did not start");
  if (result) {
    return KvmVerdict{
        false, "a trial boot ended early: " + result->err.substr(0, result->err.find('\n')), false};
  }
  if (result.error().sys_errno != ETIMEDOUT) return std::unexpected(result.error());
  return KvmVerdict{
      false,
      "a trial boot did not come up within " + std::to_string(probe.deadline.count()) + " ms",
      false};
}

}  // namespace

Result<KvmVerdict> probe_kvm(const KvmProbe& probe) {
  int fd = ::open(probe.device.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return KvmVerdict{false, fail_errno(probe.device, errno).error().message, false};
  ::close(fd);
  auto key = key_of(probe);
  if (!key) return std::unexpected(key.error());
  const std::string cache = probe.cache_directory + "/kvm-probe.json";
  std::ifstream file(cache);
  auto kept = nlohmann::json::parse(file, nullptr, false);
  if (kept.is_object() && kept.value("key", nlohmann::json()) == *key &&
      kept["usable"].is_boolean() && kept["reason"].is_string()) {
    return KvmVerdict{kept["usable"].get<bool>(), kept["reason"].get<std::string>(), true};
  }
  auto verdict = trial(probe);
  if (!verdict) return verdict;
  nlohmann::json keep = {{"key", *key}, {"usable", verdict->usable}, {"reason", verdict->reason}};
  BANGER_TRY(host::write_file_durably(cache, keep.dump() + "\n", 0600));
  return verdict;
}

}  // namespace banger::vmm
