#include "engine/state.h"

namespace banger {

std::string_view name_of(VmState value) {
  switch (value) {
    case VmState::kCreated: return "created";
    case VmState::kStarting: return "starting";
    case VmState::kRunning: return "running";
    case VmState::kStopping: return "stopping";
    case VmState::kStopped: return "stopped";
    case VmState::kError: return "error";
    case VmState::kDeleting: return "deleting";
  }
  return {};
}

std::string_view name_of(ImageState value) {
  switch (value) {
    case ImageState::kMaking: return "making";
    case ImageState::kReady: return "ready";
    case ImageState::kFailed: return "failed";
    case ImageState::kDeleting: return "deleting";
  }
  return {};
}

const VmRuntime* Fleet::vm(VmId id) const {
  auto found = vms.find(id);
  return found == vms.end() ? nullptr : &found->second;
}

const Image* Fleet::image(ImageId id) const {
  auto found = images.find(id);
  return found == images.end() ? nullptr : &found->second;
}

StreamVersion Fleet::version_of(StreamId stream) const {
  switch (stream.kind) {
    case StreamKind::kHost: return host.version;
    case StreamKind::kVm: {
      const VmRuntime* found = vm(VmId{stream.id});
      return found ? found->version : 0;
    }
    case StreamKind::kImage: {
      const Image* found = image(ImageId{stream.id});
      return found ? found->version : 0;
    }
  }
  return 0;
}

std::optional<Endpoint> ssh_endpoint(const VmRuntime& vm) {
  if (!vm.guest_ip.empty()) return Endpoint{vm.guest_ip, 22};
  if (vm.ssh_port != 0) return Endpoint{"127.0.0.1", vm.ssh_port};
  return std::nullopt;
}

void rebuild_indexes(Fleet& fleet) {
  fleet.vm_names.clear();
  fleet.image_names.clear();
  fleet.host_ports.clear();
  fleet.guest_addresses.clear();
  for (const auto& [id, vm] : fleet.vms) {
    fleet.vm_names[vm.name] = id;
    if (vm.ssh_port != 0) fleet.host_ports[vm.ssh_port] = id;
    for (const PortForward& forward : vm.settings.ports) fleet.host_ports[forward.host_port] = id;
    if (!vm.guest_ip.empty()) fleet.guest_addresses[vm.guest_ip] = id;
  }
  for (const auto& [id, image] : fleet.images) fleet.image_names[image.name] = id;
}

}  // namespace banger
