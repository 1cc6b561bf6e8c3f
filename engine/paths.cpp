#include "engine/paths.h"

namespace banger {
namespace {

constexpr std::string_view kApiSocket = "/api.sock";

}  // namespace

VmPaths vm_paths(const Layout& layout, VmId vm) {
  std::string dir = layout.vms_dir() + "/" + vm.hex();
  return {.dir = dir,
          .api_socket = dir + std::string(kApiSocket),
          .overlay = dir + "/system.qcow2",
          .seed = dir + "/seed.tar",
          .console_log = dir + "/console.log",
          .vmm_log = dir + "/vmm.log",
          .handles = dir + "/handles.json",
          .client_key = dir + "/client_key",
          .host_key = dir + "/host_key"};
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

std::string dns_name(std::string_view vm_name) { return std::string(vm_name) + ".vm"; }

}  // namespace banger
