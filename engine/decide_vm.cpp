#include <algorithm>

#include "engine/addresses.h"
#include "engine/deciding.h"

namespace banger {
namespace {

constexpr std::uint64_t kMinMemoryMib = 64;  // less, and no guest of ours boots
constexpr std::uint64_t kMaxStopTimeoutMs = 3'600'000;
constexpr std::size_t kMaxPorts = 64;
constexpr std::size_t kMaxArguments = 4096;
constexpr std::size_t kMaxArgumentBytes = 256 * 1024;

using Checked = std::optional<Rejection>;

Checked invalid(std::string message, std::string hint = {}) {
  return Rejection{Refusal::kInvalid, std::move(message), std::move(hint)};
}

Checked check_range(std::string_view what, std::uint64_t value, std::uint64_t least, std::uint64_t most,
                    std::string_view unit) {
  if (value >= least && value <= most) return std::nullopt;
  return invalid(std::string(what) + " must be between " + std::to_string(least) + " and " +
                 std::to_string(most) + std::string(unit) + ", and " + std::to_string(value) + " was asked for");
}

Checked check_ports(const Fleet& fleet, const VmSettings& settings, VmId self) {
  if (settings.ports.size() > kMaxPorts) return invalid("more than 64 published ports");
  if (settings.net == NetMode::kNone && !settings.ports.empty()) {
    return invalid("a VM without a network cannot publish ports", "leave out --net none, or -p");
  }
  for (std::size_t i = 0; i < settings.ports.size(); ++i) {
    const PortForward& forward = settings.ports[i];
    if (forward.guest_port == 0) return invalid("a published port of the guest must be 1 to 65535");
    // What it is put into (QEMU's hostfwd, a rule of nftables) takes nothing else, and nothing but digits gets there.
    if (!parse_ipv4(forward.host_address)) {
      return invalid("'" + forward.host_address + "' is no IPv4 address to publish on", "use 127.0.0.1");
    }
    if (forward.host_port == 0) continue;
    auto same = [&](const PortForward& other) { return other.host_port == forward.host_port; };
    if (std::any_of(settings.ports.begin(), settings.ports.begin() + static_cast<std::ptrdiff_t>(i), same)) {
      return invalid("host port " + std::to_string(forward.host_port) + " is published twice");
    }
    auto owner = fleet.host_ports.find(forward.host_port);
    const VmRuntime* vm = fleet.vm(self);
    bool own_ssh = vm && vm->ssh_port == forward.host_port;
    if (owner != fleet.host_ports.end() && (owner->second != self || own_ssh)) {
      return Rejection{Refusal::kInUse,
                       "host port " + std::to_string(forward.host_port) + " belongs to VM " +
                           fleet.vms.at(owner->second).name,
                       "publish another one, or let banger choose with -p " +
                           std::to_string(forward.guest_port)};
    }
  }
  return std::nullopt;
}

Checked check_settings(const Asked& asked, const VmSettings& settings, VmId self) {
  const HostLimits& limits = asked.limits;
  if (auto bad = check_range("vcpus", settings.vcpus, 1, limits.max_vcpus, "")) return bad;
  if (auto bad = check_range("memory", settings.memory_mib, kMinMemoryMib, limits.max_memory_mib, " MiB")) {
    return bad;
  }
  if (auto bad = check_range("the disk", settings.disk_mib, 1, limits.max_disk_mib, " MiB")) return bad;
  if (settings.open && settings.net != NetMode::kBridge) {
    return invalid("only a bridged VM can be open to other guests", "add --net bridge");
  }
  return check_ports(asked.fleet, settings, self);
}

// Gives every published port without a host port one of ours.
Checked choose_ports(const Asked& asked, VmSettings& settings, std::vector<std::uint16_t>& taken) {
  for (const PortForward& forward : settings.ports) taken.push_back(forward.host_port);
  for (PortForward& forward : settings.ports) {
    if (forward.host_port != 0) continue;
    forward.host_port = allocate_port(asked, taken);
    forward.allocated = true;
    if (forward.host_port == 0) {
      return Rejection{Refusal::kExhausted, "no host port is left to publish with",
                       "delete a VM, or widen `ports` in the configuration"};
    }
  }
  return std::nullopt;
}

std::unexpected<Rejection> wrong_state(const VmRuntime& vm, std::string hint) {
  return refuse(Refusal::kWrongState, vm.name + " is " + std::string(name_of(vm.state)), std::move(hint));
}

Decision nothing(const VmRuntime& vm) { return {stream_of(vm.id), {}}; }

bool is_down(const VmRuntime& vm) {
  return vm.state == VmState::kCreated || vm.state == VmState::kStopped || vm.state == VmState::kError;
}

bool is_up(const VmRuntime& vm) {
  return vm.state == VmState::kStarting || vm.state == VmState::kRunning;
}

Decided ask_stop(const VmRuntime& vm, VmStopRequested stop) {
  if (stop.timeout_ms > kMaxStopTimeoutMs) return refuse(Refusal::kInvalid, "a stop may take an hour at most");
  return Decision{stream_of(vm.id), {{stream_of(vm.id), stop}}};
}

}  // namespace

VmStartRequested next_start(const HostLimits& limits, std::uint32_t incarnation) {
  return {incarnation + 1, limits.start_timeout_ms, limits.ready_timeout_ms};
}

std::uint16_t allocate_port(const Asked& asked, std::vector<std::uint16_t>& taken) {
  std::uint32_t count = asked.limits.last_port - asked.limits.first_port + 1u;
  auto offset = static_cast<std::uint32_t>((asked.command.random + taken.size()) % count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto port = static_cast<std::uint16_t>(asked.limits.first_port + (offset + i) % count);
    if (asked.fleet.host_ports.contains(port) || std::ranges::count(taken, port) != 0) continue;
    taken.push_back(port);
    return port;
  }
  return 0;
}

void end_execs(const VmRuntime& vm, Sequence causation, Decision& decision) {
  for (const OpenExec& exec : vm.execs) {
    decision.events.push_back(
        {stream_of(vm.id), ExecFinished{exec.id, ExecOutcome::kLost, 0}, causation, vm.correlation});
  }
  if (!vm.execs.empty() && vm.remove_after_exec && vm.state != VmState::kDeleting) {
    decision.events.push_back({stream_of(vm.id), VmDeleteRequested{true}, causation, vm.correlation});
  }
}

Decided decide_on(const Asked& asked, const CreateVm& create) {
  VmId id{asked.command.fresh_id};
  std::string name = create.name.empty() ? "vm-" + id.hex().substr(0, 8) : create.name;
  if (!valid_name(name)) {
    return refuse(Refusal::kInvalid, "'" + name + "' cannot be a VM's name",
                  "use up to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit");
  }
  if (auto taken = asked.fleet.vm_names.find(name); taken != asked.fleet.vm_names.end()) {
    return refuse(Refusal::kAlreadyExists,
                  "there is a VM " + name + " already (" +
                      std::string(name_of(asked.fleet.vms.at(taken->second).state)) + ")",
                  "choose another --name, or delete it with `bangerctl vm rm " + name + "`");
  }
  if (asked.fleet.vms.contains(id)) return refuse(Refusal::kConflict, "the new VM's id is taken");
  auto image_id = resolve_image(asked.fleet, create.image);
  if (!image_id) {
    image_id.error().hint = "build one with `bangerctl image build tiny`, or see `bangerctl image ls`";
    return std::unexpected(image_id.error());
  }
  const Image& image = asked.fleet.images.at(*image_id);
  if (image.state != ImageState::kReady) {
    return refuse(Refusal::kWrongState, "image " + image.name + " is " + std::string(name_of(image.state)),
                  "see `bangerctl image show " + image.name + "`");
  }
  VmCreated created{.name = name,
                    .image = image.id,
                    .image_name = image.name,
                    .settings = create.settings,
                    .ssh_port = 0,
                    .remove_after_exec = create.remove_after_exec};
  if (auto bad = check_settings(asked, created.settings, id)) return std::unexpected(*bad);
  std::uint64_t image_mib = (image.virtual_bytes + (1 << 20) - 1) >> 20;
  if (created.settings.disk_mib < image_mib) {
    return refuse(Refusal::kInvalid, "the disk must hold image " + image.name + ", which takes " +
                                         std::to_string(image_mib) + " MiB",
                  "ask for a larger --disk");
  }
  std::vector<std::uint16_t> taken;
  if (auto bad = choose_ports(asked, created.settings, taken)) return std::unexpected(*bad);
  if (created.settings.net == NetMode::kUser) {
    created.ssh_port = allocate_port(asked, taken);
    if (created.ssh_port == 0) {
      return refuse(Refusal::kExhausted, "no host port is left for the VM's ssh",
                    "delete a VM, or widen `ports` in the configuration");
    }
  }
  auto address = choose_address(asked, created.settings.net, "");
  if (!address) return std::unexpected(address.error());
  Decision decision{stream_of(id), {{stream_of(id), created}}};
  if (*address) decision.events.push_back({stream_of(id), **address});
  if (create.start) decision.events.push_back({stream_of(id), next_start(asked.limits, 0)});
  return decision;
}

Decided decide_on(const Asked& asked, const StartVm& start) {
  auto vm = vm_to_change(asked.fleet, start.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (is_up(it)) return nothing(it);
  if (!is_down(it)) return wrong_state(it, "try again once it is down: `bangerctl vm wait " + it.name + "`");
  if (!asked.fleet.images.contains(it.image)) {
    return refuse(Refusal::kNotFound, "the image of " + it.name + ", " + it.image_name + ", is gone");
  }
  auto address = choose_address(asked, it.settings.net, it.guest_ip);
  if (!address) return std::unexpected(address.error());
  Decision decision{stream_of(it.id), {}};
  if (*address) decision.events.push_back({stream_of(it.id), **address});
  decision.events.push_back({stream_of(it.id), next_start(asked.limits, it.incarnation)});
  return decision;
}

Decided decide_on(const Asked& asked, const StopVm& stop) {
  auto vm = vm_to_change(asked.fleet, stop.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (is_down(it)) return nothing(it);
  if (it.state == VmState::kDeleting) return wrong_state(it, "");
  bool escalates = it.state == VmState::kStopping &&
                   (stop.mode == StopMode::kForced || it.then_start) &&
                   !(it.stop_mode == StopMode::kForced && !it.then_start);
  if (it.state == VmState::kStopping && !escalates) return nothing(it);
  return ask_stop(it, {stop.mode, stop.timeout_ms, false});
}

Decided decide_on(const Asked& asked, const RestartVm& restart) {
  auto vm = vm_to_change(asked.fleet, restart.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (is_up(it)) return ask_stop(it, {restart.mode, restart.timeout_ms, true});
  if (is_down(it)) return decide_on(asked, StartVm{restart.vm});
  if (it.state == VmState::kStopping && it.then_start) return nothing(it);
  return wrong_state(it, "try again once it is down: `bangerctl vm wait " + it.name + "`");
}

Decided decide_on(const Asked& asked, const DeleteVm& remove) {
  auto vm = vm_to_change(asked.fleet, remove.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (it.state == VmState::kDeleting) return nothing(it);
  if (!is_down(it) && !remove.force) {
    return wrong_state(it, "stop it first, or delete it all the same with `bangerctl vm rm -f " + it.name + "`");
  }
  Decision decision{stream_of(it.id), {{stream_of(it.id), VmDeleteRequested{remove.force}}}};
  VmRuntime going = it;
  going.state = VmState::kDeleting;
  end_execs(going, 0, decision);
  return decision;
}

Decided decide_on(const Asked& asked, const SetVm& set) {
  auto vm = vm_to_change(asked.fleet, set.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (it.state == VmState::kDeleting) return wrong_state(it, "");
  VmSettings settings = it.settings;
  settings.vcpus = set.vcpus.value_or(settings.vcpus);
  settings.memory_mib = set.memory_mib.value_or(settings.memory_mib);
  settings.disk_mib = set.disk_mib.value_or(settings.disk_mib);
  settings.autostart = set.autostart.value_or(settings.autostart);
  settings.open = set.open.value_or(settings.open);
  if (set.ports) settings.ports = *set.ports;
  if (settings.disk_mib < it.settings.disk_mib) {
    return refuse(Refusal::kInvalid, "a disk can only grow: " + it.name + " has " +
                                         std::to_string(it.settings.disk_mib) + " MiB");
  }
  if (!is_down(it) && (set.disk_mib || set.ports)) {
    return wrong_state(it, "disk and ports change while it is down: `bangerctl vm stop " + it.name + "`");
  }
  if (auto bad = check_settings(asked, settings, it.id)) return std::unexpected(*bad);
  std::vector<std::uint16_t> taken{it.ssh_port};
  if (auto bad = choose_ports(asked, settings, taken)) return std::unexpected(*bad);
  if (settings == it.settings) return nothing(it);
  return Decision{stream_of(it.id), {{stream_of(it.id), VmChanged{settings}}}};
}

Decided decide_on(const Asked& asked, const StartExec& start) {
  auto vm = vm_to_change(asked.fleet, start.vm);
  if (!vm) return std::unexpected(vm.error());
  const VmRuntime& it = **vm;
  if (it.state != VmState::kRunning) return wrong_state(it, "start it with `bangerctl vm start " + it.name + "`");
  if (!ssh_endpoint(it)) {
    return refuse(Refusal::kWrongState, it.name + " has no network to reach it by",
                  "see its console with `bangerctl vm logs " + it.name + "`");
  }
  std::size_t bytes = 0;
  for (const std::string& argument : start.argv) bytes += argument.size() + 1;
  if (start.argv.size() > kMaxArguments || bytes > kMaxArgumentBytes) {
    return refuse(Refusal::kInvalid, "the command line is longer than 256 KiB",
                  "pass the data on standard input, with -i");
  }
  if (it.execs.size() >= 256) {
    return refuse(Refusal::kExhausted, it.name + " has 256 commands running already");
  }
  ExecStarted started{.exec = ExecId{asked.command.fresh_id},
                      .incarnation = it.incarnation,
                      .tty = start.tty,
                      .timeout_ms = start.timeout_ms,
                      .argv = start.argv};
  return Decision{stream_of(it.id), {{stream_of(it.id), started}}};
}

Decided decide_on(const Asked& asked, const FinishExec& finish) {
  const VmRuntime* vm = asked.fleet.vm(finish.vm);
  if (!vm) return Decision{stream_of(finish.vm), {}};
  auto open = std::ranges::find(vm->execs, finish.exec, &OpenExec::id);
  if (open == vm->execs.end()) return nothing(*vm);
  Decision decision{stream_of(vm->id),
                    {{stream_of(vm->id), ExecFinished{finish.exec, finish.outcome, finish.code}, open->started}}};
  if (vm->remove_after_exec && vm->execs.size() == 1 && vm->state != VmState::kDeleting) {
    decision.events.push_back({stream_of(vm->id), VmDeleteRequested{true}});
  }
  return decision;
}

}  // namespace banger
