#include "engine/paths.h"

#include <charconv>

namespace banger {
namespace {

constexpr std::string_view kApiSocket = "/api.sock";
constexpr std::string_view kVmmPrefix = "banger-";
constexpr std::size_t kIdDigits = 16;

}  // namespace

VmPaths vm_paths(const Layout& layout, VmId vm) {
  std::string dir = layout.vms_dir() + "/" + vm.hex();
  return {.dir = dir,
          .api_socket = dir + std::string(kApiSocket),
          .overlay = dir + "/system.qcow2",
          .cow = dir + "/system.cow",
          .rest = dir + "/system.rest",
          .raw = dir + "/system.raw",
          .seed = dir + "/seed.tar",
          .console_pipe = dir + "/console.pipe",
          .console_log = dir + "/console.log",
          .vmm_log_pipe = dir + "/vmm.pipe",
          .vmm_log = dir + "/vmm.log",
          .metrics_pipe = dir + "/metrics.pipe",
          .metrics = dir + "/metrics.log",
          .pidfile = dir + "/vmm.pid",
          .handles = dir + "/handles.json",
          .client_key = dir + "/client_key",
          .host_key_public = dir + "/host_key.pub"};
}

std::string jail_root(const Layout& layout, std::string_view program, std::string_view name) {
  return layout.jails_dir() + "/" + std::string(program) + "/" + std::string(name) + "/root";
}

std::string image_dir(const Layout& layout, ImageId image) {
  return layout.images_dir() + "/" + image.hex();
}

VmId vm_of_api_socket(const Layout& layout, std::string_view path) {
  std::string prefix = layout.vms_dir() + "/";
  if (!path.starts_with(prefix) || !path.ends_with(kApiSocket)) return {};
  path.remove_prefix(prefix.size());
  path.remove_suffix(kApiSocket.size());
  return VmId::parse(path).value_or(VmId{});
}

std::string vmm_name(const VmmName& name) {
  return std::string(kVmmPrefix) + name.vm.hex() + "-" + std::to_string(name.incarnation);
}

std::optional<VmmName> parse_vmm_name(std::string_view text) {
  std::string_view rest = text;
  if (!rest.starts_with(kVmmPrefix)) return std::nullopt;
  rest.remove_prefix(kVmmPrefix.size());
  auto vm = VmId::parse(rest.substr(0, kIdDigits));
  if (!vm || rest.size() < kIdDigits + 2) return std::nullopt;
  VmmName name{*vm, 0};
  std::from_chars(rest.data() + kIdDigits + 1, rest.data() + rest.size(), name.incarnation);
  // Written again it must be the same: no leading zero, no sign, nothing after it.
  if (name.incarnation == 0 || vmm_name(name) != text) return std::nullopt;
  return name;
}

std::string dns_name(std::string_view vm_name) { return std::string(vm_name) + ".vm"; }

}  // namespace banger
