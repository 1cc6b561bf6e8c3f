#include "drivers/vmm/firecracker/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "drivers/vmm/qemu_argv.h"

namespace banger::vmm::firecracker {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMiB = 1ull << 20;
constexpr std::uint32_t kMaxVcpus = 32;
constexpr std::uint32_t kMinCid = 3;
constexpr std::uint32_t kMinMtu = 68;
constexpr std::uint32_t kMaxMtu = 65535;
// Ids of devices: letters, digits and underscores only.
constexpr const char* kRootDrive = "root";
constexpr const char* kSeedDrive = "seed";
constexpr const char* kInterface = "eth0";

std::string name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "Error";
    case LogLevel::kWarning:
      return "Warning";
    case LogLevel::kInfo:
      return "Info";
    case LogLevel::kDebug:
      return "Debug";
    case LogLevel::kTrace:
      return "Trace";
  }
  return {};
}

std::string name_of(Action action) {
  switch (action) {
    case Action::kInstanceStart:
      return "InstanceStart";
    case Action::kSendCtrlAltDel:
      return "SendCtrlAltDel";
    case Action::kFlushMetrics:
      return "FlushMetrics";
  }
  return {};
}

// A NUL would end a path where Firecracker opens it: another file than the one that was meant.
bool holds_nul(const Json& body) {
  return std::ranges::any_of(body, [](const Json& field) {
    return field.is_string() && field.get_ref<const std::string&>().contains('\0');
  });
}

Result<ApiRequest> put(const std::string& what, std::string path, const Json& body) {
  if (holds_nul(body)) return fail(what + ": a NUL byte in what Firecracker is to be told");
  try {
    return ApiRequest{what, "PUT", std::move(path), body.dump()};
  } catch (const Json::type_error&) {  // dump() throws this for bytes that are no UTF-8, and for
                                       // nothing else here
    return fail(what + ": not UTF-8, so that Firecracker cannot be told it");
  }
}

Result<ApiRequest> logger(const FirecrackerSpec& spec) {
  return put("logger", "/logger",
             {{"log_path", spec.log}, {"level", name_of(spec.log_level)}, {"show_level", true}});
}

Result<ApiRequest> metrics(const FirecrackerSpec& spec) {
  return put("metrics", "/metrics", {{"metrics_path", spec.metrics}});
}

Result<ApiRequest> machine_config(const FirecrackerSpec& spec) {
  if (spec.vcpus == 0 || spec.vcpus > kMaxVcpus) {
    return fail("machine configuration: " + std::to_string(spec.vcpus) +
                " CPUs; Firecracker takes 1 to " + std::to_string(kMaxVcpus));
  }
  if (spec.memory_bytes == 0 || spec.memory_bytes % kMiB != 0) {
    return fail("machine configuration: " + std::to_string(spec.memory_bytes) +
                " bytes of memory; Firecracker takes whole MiB");
  }
  return put(
      "machine configuration", "/machine-config",
      {{"vcpu_count", spec.vcpus}, {"mem_size_mib", spec.memory_bytes / kMiB}, {"smt", false}});
}

Result<ApiRequest> boot_source(const FirecrackerSpec& spec) {
  if (spec.kernel.empty()) return fail("boot source: no kernel");
  Json body = {{"kernel_image_path", spec.kernel}};
  if (!spec.initrd.empty()) body["initrd_path"] = spec.initrd;
  if (!spec.cmdline.empty()) body["boot_args"] = spec.cmdline;
  return put("boot source", "/boot-source", body);
}

Result<ApiRequest> drive(const char* id, const std::string& path, bool root, bool read_only) {
  const std::string what = std::string(id) + " drive";
  if (path.empty()) return fail(what + ": no file");
  return put(what, std::string("/drives/") + id,
             {{"drive_id", id},
              {"path_on_host", path},
              {"is_root_device", root},
              {"is_read_only", read_only}});
}

Result<ApiRequest> network_interface(const NetworkInterface& network) {
  Json body = {{"iface_id", kInterface}, {"host_dev_name", network.tap}};
  if (!network.mac.empty()) body["guest_mac"] = network.mac;
  if (network.mtu != 0) {
    if (network.mtu < kMinMtu || network.mtu > kMaxMtu) {
      return fail("network interface: no MTU is " + std::to_string(network.mtu));
    }
    body["mtu"] = network.mtu;
  }
  return put("network interface", std::string("/network-interfaces/") + kInterface, body);
}

Result<ApiRequest> vsock_device(const Vsock& vsock) {
  if (vsock.guest_cid < kMinCid) return fail("vsock: context ids below 3 are taken");
  if (vsock.socket.empty() || vsock.socket.size() > kMaxSocketPath) {
    return fail("vsock: a socket's path has 1 to " + std::to_string(kMaxSocketPath) +
                " bytes: " + vsock.socket);
  }
  return put("vsock", "/vsock", {{"guest_cid", vsock.guest_cid}, {"uds_path", vsock.socket}});
}

Result<ApiRequest> entropy_device() {
  return put("entropy device", "/entropy", Json::object());
}

}  // namespace

Result<std::vector<ApiRequest>> start_requests(const FirecrackerSpec& spec) {
  std::vector<Result<ApiRequest>> made;
  if (!spec.log.empty()) made.push_back(logger(spec));
  if (!spec.metrics.empty()) made.push_back(metrics(spec));
  made.push_back(machine_config(spec));
  made.push_back(boot_source(spec));
  // The first drive that is attached is /dev/vda.
  made.push_back(drive(kRootDrive, spec.disk, true, spec.disk_read_only));
  if (!spec.seed.empty()) made.push_back(drive(kSeedDrive, spec.seed, false, true));
  if (spec.network) made.push_back(network_interface(*spec.network));
  if (spec.vsock) made.push_back(vsock_device(*spec.vsock));
  if (spec.entropy) made.push_back(entropy_device());
  made.push_back(action_request(Action::kInstanceStart));
  std::vector<ApiRequest> requests;
  for (auto& request : made) {
    if (!request) return std::unexpected(std::move(request).error());
    requests.push_back(*std::move(request));
  }
  return requests;
}

ApiRequest action_request(Action action) {
  return {name_of(action), "PUT", "/actions", Json{{"action_type", name_of(action)}}.dump()};
}

ApiRequest state_request(VmState state) {
  const char* name = state == VmState::kPaused ? "Paused" : "Resumed";
  return {name, "PATCH", "/vm", Json{{"state", name}}.dump()};
}

ApiRequest instance_request() {
  return {"instance state", "GET", "/", {}};
}

ApiRequest version_request() {
  return {"version", "GET", "/version", {}};
}

}  // namespace banger::vmm::firecracker
