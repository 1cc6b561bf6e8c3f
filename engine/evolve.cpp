#include "engine/evolve.h"

#include <algorithm>

namespace banger {
namespace {

using Misfit = std::optional<std::string>;  // why the event does not fit its stream, if it does not

Misfit expect(bool fits, std::string_view why) {
  if (fits) return std::nullopt;
  return std::string(why);
}

void enter(VmRuntime& vm, VmState state, const Envelope& envelope) {
  vm.state = state;
  vm.changed_at_ns = envelope.time_ns;
}

// An intent: what the host is asked to do from now on, and the fence of everything done for it.
void begin_intent(VmRuntime& vm, const Envelope& envelope) {
  vm.fence = envelope.sequence;
  vm.correlation = envelope.correlation;
}

void end_incarnation(VmRuntime& vm, VmState state, const Envelope& envelope) {
  enter(vm, state, envelope);
  vm.ready = false;
  vm.then_start = false;
  vm.stop_timeout_ms = 0;
}

// By what the VM has, and not by a look at all ports: ten thousand VMs have many.
void give_back_ports(Fleet& fleet, const VmRuntime& vm) {
  const auto give_back = [&](std::uint16_t port) {
    const auto owned = fleet.host_ports.find(port);
    if (owned != fleet.host_ports.end() && owned->second == vm.id) fleet.host_ports.erase(owned);
  };
  give_back(vm.ssh_port);
  for (const PortForward& forward : vm.settings.ports) give_back(forward.host_port);
}

Misfit create_vm(Fleet& fleet, const Envelope& envelope, const VmCreated& e) {
  VmId id{envelope.stream.id};
  if (fleet.vm_names.contains(e.name)) return "its name is taken";
  VmRuntime vm{.id = id,
               .name = e.name,
               .image = e.image,
               .image_name = e.image_name,
               .settings = e.settings,
               .ssh_port = e.ssh_port,
               .remove_after_exec = e.remove_after_exec};
  begin_intent(vm, envelope);
  enter(vm, VmState::kCreated, envelope);
  vm.created_at_ns = envelope.time_ns;
  fleet.vm_names[vm.name] = id;
  if (vm.ssh_port != 0) fleet.host_ports[vm.ssh_port] = id;
  for (const PortForward& forward : vm.settings.ports) fleet.host_ports[forward.host_port] = id;
  fleet.vms.emplace(id, std::move(vm));
  return std::nullopt;
}

// What an event other than VmCreated does to its VM. One arm per kind, so that a new kind cannot be forgotten.
struct FoldVm {
  Fleet& fleet;
  VmRuntime& vm;
  const Envelope& envelope;

  Misfit of_incarnation(std::uint32_t incarnation, VmState state) const {
    if (vm.state != state) return "the VM is " + std::string(name_of(vm.state));
    return expect(vm.incarnation == incarnation, "it speaks of another incarnation");
  }

  Misfit operator()(const VmCreated&) const { return "the VM exists already"; }
  Misfit operator()(const VmStartRequested& e) const {
    bool down = vm.state == VmState::kCreated || vm.state == VmState::kStopped || vm.state == VmState::kError;
    if (!down) return "the VM is " + std::string(name_of(vm.state));
    if (e.incarnation != vm.incarnation + 1) return "its incarnation is not the next one";
    begin_intent(vm, envelope);
    enter(vm, VmState::kStarting, envelope);
    vm.incarnation = e.incarnation;
    vm.start_timeout_ms = e.start_timeout_ms;
    vm.ready_timeout_ms = e.ready_timeout_ms;
    vm.ready = vm.ready_missed = vm.cut_off = false;
    vm.ready_after_ms = 0;
    return std::nullopt;
  }
  Misfit operator()(const VmStopRequested& e) const {
    bool up = vm.state == VmState::kStarting || vm.state == VmState::kRunning || vm.state == VmState::kStopping;
    if (!up) return "the VM is " + std::string(name_of(vm.state));
    begin_intent(vm, envelope);
    enter(vm, VmState::kStopping, envelope);
    vm.ready = false;  // it may answer for a while yet, but nobody is to rely on it
    vm.stop_mode = e.mode;
    vm.stop_timeout_ms = e.timeout_ms;
    vm.then_start = e.then_start;
    return std::nullopt;
  }
  Misfit operator()(const VmDeleteRequested&) const {
    if (vm.state == VmState::kDeleting) return "the VM is being deleted already";
    begin_intent(vm, envelope);
    end_incarnation(vm, VmState::kDeleting, envelope);
    return std::nullopt;
  }
  Misfit operator()(const VmChanged& e) const {
    for (const PortForward& forward : vm.settings.ports) fleet.host_ports.erase(forward.host_port);
    for (const PortForward& forward : e.settings.ports) fleet.host_ports[forward.host_port] = vm.id;
    vm.settings = e.settings;
    return std::nullopt;
  }
  Misfit operator()(const VmStarted& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kStarting)) return misfit;
    enter(vm, VmState::kRunning, envelope);
    vm.last_error.clear();
    return std::nullopt;
  }
  Misfit operator()(const VmReady& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kRunning)) return misfit;
    vm.ready = true;
    vm.ready_after_ms = e.after_ms;
    vm.last_error.clear();
    return std::nullopt;
  }
  Misfit operator()(const VmReadyMissed& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kRunning)) return misfit;
    vm.ready_missed = true;
    vm.last_error = "the guest did not answer within " + std::to_string(e.timeout_ms / 1000) + " s";
    return std::nullopt;
  }
  Misfit operator()(const VmStartFailed& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kStarting)) return misfit;
    end_incarnation(vm, VmState::kError, envelope);
    vm.last_error = "start failed at " + std::string(name_of(e.stage)) + ": " + e.message;
    return std::nullopt;
  }
  Misfit operator()(const VmStopped& e) const {
    VmState from = vm.state == VmState::kRunning ? VmState::kRunning : VmState::kStopping;
    if (auto misfit = of_incarnation(e.incarnation, from)) return misfit;
    end_incarnation(vm, VmState::kStopped, envelope);
    return std::nullopt;
  }
  Misfit operator()(const VmDied& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kRunning)) return misfit;
    end_incarnation(vm, VmState::kError, envelope);
    vm.last_error = e.reason;
    return std::nullopt;
  }
  Misfit operator()(const VmHostRebooted& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kRunning)) return misfit;
    end_incarnation(vm, VmState::kStopped, envelope);
    return std::nullopt;
  }
  Misfit operator()(const VmDeleted&) const {
    // Removed by the caller, which owns the maps that `vm` lives in.
    return expect(vm.state == VmState::kDeleting, "nobody asked for it");
  }
  Misfit operator()(const VmPortReassigned& e) const {
    if (vm.state != VmState::kStarting) return "the VM is " + std::string(name_of(vm.state));
    fleet.host_ports.erase(e.busy_port);
    fleet.host_ports[e.host_port] = vm.id;
    if (vm.ssh_port == e.busy_port) vm.ssh_port = e.host_port;
    for (PortForward& forward : vm.settings.ports) {
      if (forward.host_port == e.busy_port) forward.host_port = e.host_port;
    }
    vm.fence = envelope.sequence;  // a new attempt, for the same request
    return std::nullopt;
  }
  Misfit operator()(const VmAddressAssigned& e) const {
    if (fleet.guest_addresses.contains(e.address)) return "its address is taken";
    fleet.guest_addresses.erase(vm.guest_ip);
    fleet.guest_addresses[e.address] = vm.id;
    vm.guest_ip = e.address;
    return std::nullopt;
  }
  Misfit operator()(const VmTearDownStalled& e) const {
    vm.last_error = e.message;
    return std::nullopt;
  }
  Misfit operator()(const DriftCorrected& e) const {
    if (e.resource == ResourceClass::kTap && e.condition == Condition::kAbsent) {
      vm.cut_off = true;
      vm.last_error = e.why;
    }
    return std::nullopt;
  }
  Misfit operator()(const ExecStarted& e) const {
    if (auto misfit = of_incarnation(e.incarnation, VmState::kRunning)) return misfit;
    vm.execs.push_back({e.exec, envelope.sequence});
    return std::nullopt;
  }
  Misfit operator()(const ExecFinished& e) const {
    auto removed = std::erase_if(vm.execs, [&](const OpenExec& each) { return each.id == e.exec; });
    return expect(removed == 1, "no such exec is open");
  }
  // Kinds from 64 up are other streams'. A new kind of VM event (below 64) has no arm here, and does not compile.
  template <class Other>
    requires(Other::kKind >= ImageRequested::kKind)
  Misfit operator()(const Other&) const {
    return "it does not belong in a VM's stream";
  }
};

Misfit fold_vm(Fleet& fleet, const Envelope& envelope, const Event& event) {
  VmId id{envelope.stream.id};
  auto found = fleet.vms.find(id);
  if (found == fleet.vms.end()) {
    const auto* created = std::get_if<VmCreated>(&event);
    if (!created) return "there is no such VM";
    if (auto misfit = create_vm(fleet, envelope, *created)) return misfit;
    found = fleet.vms.find(id);
  } else if (auto misfit = std::visit(FoldVm{fleet, found->second, envelope}, event)) {
    return misfit;
  }
  VmRuntime& vm = found->second;
  vm.version = envelope.version;
  vm.last_sequence = envelope.sequence;
  if (std::holds_alternative<VmDeleted>(event)) {
    give_back_ports(fleet, vm);
    fleet.guest_addresses.erase(vm.guest_ip);
    fleet.vm_names.erase(vm.name);
    fleet.vms.erase(found);
  }
  return std::nullopt;
}

Misfit fold_image(Fleet& fleet, const Envelope& envelope, const Event& event) {
  ImageId id{envelope.stream.id};
  if (const auto* e = std::get_if<ImageRequested>(&event)) {
    if (fleet.images.contains(id) || fleet.image_names.contains(e->name)) return "the image exists already";
    fleet.images[id] = Image{.id = id,
                             .name = e->name,
                             .source = e->source,
                             .recipe = e->recipe,
                             .path = e->path,
                             .fence = envelope.sequence,
                             .correlation = envelope.correlation,
                             .created_at_ns = envelope.time_ns};
    fleet.image_names[e->name] = id;
  }
  auto found = fleet.images.find(id);
  if (found == fleet.images.end()) return "there is no such image";
  Image& image = found->second;
  if (const auto* made = std::get_if<ImageReady>(&event)) {
    if (image.state != ImageState::kMaking) return "it was not being made";
    image.state = ImageState::kReady;
    image.path.clear();
    image.digest = made->digest;
    image.virtual_bytes = made->virtual_bytes;
    image.disk_bytes = made->disk_bytes;
  } else if (const auto* failed = std::get_if<ImageFailed>(&event)) {
    image.state = ImageState::kFailed;
    image.path.clear();
    image.last_error = failed->message;
  } else if (std::holds_alternative<ImageDeleteRequested>(event)) {
    image.state = ImageState::kDeleting;
    image.fence = envelope.sequence;
    image.correlation = envelope.correlation;
  } else if (std::holds_alternative<ImageDeleted>(event)) {
    if (image.state != ImageState::kDeleting) return "nobody asked for it";
    fleet.image_names.erase(image.name);
    fleet.images.erase(found);
    return std::nullopt;
  } else if (!std::holds_alternative<ImageRequested>(event)) {
    return "it does not belong in an image's stream";
  }
  image.version = envelope.version;
  image.last_sequence = envelope.sequence;
  return std::nullopt;
}

Misfit fold_host(Fleet& fleet, const Envelope& envelope, const Event& event) {
  if (const auto* booted = std::get_if<HostBooted>(&event)) {
    fleet.host.boot = booted->boot;
    fleet.host.kernel_release = booted->kernel_release;
  } else if (const auto* daemon = std::get_if<DaemonStarted>(&event)) {
    fleet.host.daemon_version = daemon->version;
  } else if (const auto* drift = std::get_if<DriftCorrected>(&event)) {
    if (was_done(drift->action)) fleet.host.reported.erase(drift->derived_name);
    else fleet.host.reported.insert(drift->derived_name);
  } else if (const auto* epoch = std::get_if<LogEpochBegan>(&event)) {
    fleet.host.log_epoch = epoch->number;
  } else if (!std::holds_alternative<DaemonStopped>(event) && !std::holds_alternative<ProjectionDrifted>(event) &&
             !std::holds_alternative<PersonalErased>(event) && !std::holds_alternative<LogArchived>(event)) {
    return "it does not belong in the host's stream";
  }
  fleet.host.version = envelope.version;
  fleet.host.last_sequence = envelope.sequence;
  return std::nullopt;
}

Misfit fold(Fleet& fleet, const Envelope& envelope, const Event& event) {
  if (envelope.version != fleet.version_of(envelope.stream) + 1) {
    return "its version does not follow its stream's last one";
  }
  switch (envelope.stream.kind) {
    case StreamKind::kVm: return fold_vm(fleet, envelope, event);
    case StreamKind::kImage: return fold_image(fleet, envelope, event);
    case StreamKind::kHost: return fold_host(fleet, envelope, event);
  }
  return "it is of no known kind of stream";
}

}  // namespace

void evolve(Fleet& fleet, const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  fleet.last = envelope.sequence;
  if (fleet.parked.contains(envelope.stream)) return;
  if (auto misfit = fold(fleet, envelope, record.event)) {
    park(fleet, envelope.stream, envelope.sequence,
         std::string(name_of(record.event)) + " does not fit: " + *misfit);
  }
}

void park(Fleet& fleet, StreamId stream, Sequence sequence, std::string reason) {
  fleet.last = sequence;
  fleet.parked.try_emplace(stream, Parked{sequence, std::move(reason)});
}

}  // namespace banger
