#include "tests/sim/oracles.h"

#include "engine/runtime/load_interned.h"

namespace banger::sim {
namespace {

std::string of(const VmRuntime& vm) { return vm.name + " (" + std::string(name_of(vm.state)) + ")"; }

// What a VM must have on the host, and nothing else.
void check_vm(const Host& host, const VmRuntime& vm) {
  const auto vmms = host.vmms_of(vm.id);
  must(vm.execs.empty(), of(vm) + " has an open exec that nobody holds");
  const auto found = host.things.find(vm.id);
  const Things has = found == host.things.end() ? Things{} : found->second;
  if (vm.state != VmState::kRunning) {
    const bool down = vm.state == VmState::kCreated || vm.state == VmState::kStopped || vm.state == VmState::kError;
    must(down, of(vm) + " does not get anywhere");
    must(vmms.empty() && !has.handles(), of(vm) + " still has:" + host.of_vm(vm.id));
    return;
  }
  must(vmms.size() == 1 && vmms.front().incarnation == vm.incarnation, of(vm) + " runs as:" + host.of_vm(vm.id));
  must(has.directory && has.loop && has.device, of(vm) + " lacks something, it has:" + host.of_vm(vm.id));
  const bool bridged = vm.settings.net == NetMode::kBridge;
  must(has.tap == (bridged && !vm.cut_off), of(vm) + " has the wrong links:" + host.of_vm(vm.id));
}

void check_unique(const Fleet& fleet) {
  std::set<std::string> names, addresses;
  std::set<std::uint16_t> ports;
  for (const auto& [id, vm] : fleet.vms) {
    must(names.insert(vm.name).second, "two VMs are called " + vm.name);
    must(vm.guest_ip.empty() || addresses.insert(vm.guest_ip).second, "two VMs have the address " + vm.guest_ip);
    must(vm.ssh_port == 0 || ports.insert(vm.ssh_port).second, "two VMs have one port");
    for (const PortForward& each : vm.settings.ports) {
      must(each.host_port == 0 || ports.insert(each.host_port).second, "two VMs have one port");
    }
  }
}

}  // namespace

void Oracles::mix(std::string_view bytes) {
  for (const char c : bytes) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}

void Oracles::synced() {
  if (names_ != disk_.names.size()) {
    auto loaded = load_interned(disk_);
    must(loaded.has_value(), "the interned entries cannot be read");
    interned_ = *std::move(loaded);
    names_ = disk_.names.size();
  }
  const Sequence from = replay_.fleet().last + 1;
  if (from > disk_.head()) return;
  disk_.read(from, [&](const log::Frame& frame) {
    mix(frame.public_bytes);
    mix(frame.personal_bytes());
    const auto record = read_stored(frame.sequence, frame.public_bytes, frame.personal_bytes(), interned_);
    must(record && std::holds_alternative<EventRecord>(*record), "an event cannot be read");
    took(std::get<EventRecord>(*record));
    must(replay_.fold(std::get<EventRecord>(*record)).has_value(), "an event does not fold");
    return true;
  });
  for (const auto& [stream, parked] : replay_.fleet().parked) must(false, "a stream is parked: " + parked.reason);
  check_unique(replay_.fleet());
}

void Oracles::took(const EventRecord& record) {
  const Envelope& envelope = record.envelope;
  const auto [last, fresh] = last_of_.try_emplace(envelope.command, envelope.sequence);
  must(fresh || last->second + 1 == envelope.sequence, "a command had its effect twice");
  last->second = envelope.sequence;
  const VmId vm{envelope.stream.id};
  if (std::holds_alternative<VmDeleted>(record.event)) {
    must(host_.of_vm(vm).empty(), "a VM is called deleted, and there is still:" + host_.of_vm(vm));
  }
  const auto ended = [&](std::uint32_t incarnation) {
    must(!host_.runs_now(vm, incarnation), "a VM is called down, and it runs");
  };
  if (const auto* stopped = std::get_if<VmStopped>(&record.event)) ended(stopped->incarnation);
  if (const auto* died = std::get_if<VmDied>(&record.event)) ended(died->incarnation);
  if (const auto* started = std::get_if<VmStarted>(&record.event)) {
    std::uint32_t& before = started_[vm];
    must(started->incarnation > before, "an incarnation was started twice");
    before = started->incarnation;
    must(host_.ever_ran(vm, started->incarnation), "a VM is called started, and nobody started it");
  }
}

void Oracles::answered(const Request& request, const Answer& answer) {
  if (!answer) return;
  must(answer->last <= disk_.head(), "what is not on the disk was acknowledged");
  const auto [known, fresh] = acknowledged_.try_emplace(request.id, *answer);
  must(fresh || known->second == *answer, "one command id has two answers");
}

void Oracles::begins(const Effect& effect) const {
  const Sequence fence = fence_of(effect);
  must(fence <= disk_.head(), "an effect begins before its intent is on the disk");
  const StreamId subject = subject_of(effect);
  if (fence == 0 || subject.kind != StreamKind::kVm) return;
  const VmRuntime* vm = fleet().vm(VmId{subject.id});
  must(vm && vm->fence >= fence, "an effect begins for an intent that nobody has");
}

void Oracles::opened() {
  disk_.check();
  synced();
  for (const auto& [id, accepted] : acknowledged_) {
    must(accepted.last <= disk_.head(), "an acknowledged event is lost");
    const auto record = disk_.commands.find(id);
    must(record != disk_.commands.end(), "an acknowledged command is forgotten");
    must(accepted.last == 0 || record->second.first_sequence == accepted.first, "a command id leads to other events");
  }
  for (const ProjectionInfo& projection : kProjections) {
    const std::string name(projection.name);
    must(replay_.rows(projection.name) == disk_.rows[name], "rows of " + name + " are not what a replay gives");
    must(disk_.checkpoints[name] == disk_.head(), "the checkpoint of " + name + " is not the log's head");
  }
}

void Oracles::settled(const Runtime& runtime, bool sweep, const std::map<VmId, Things>& leftovers) const {
  must(runtime.settled(), "the log does not come to rest");
  must(runtime.fleet().vms == fleet().vms && runtime.fleet().images == fleet().images, "the live fleet is not what a replay gives");
  for (const auto& [subject, effects] : runtime.plan_context().in_flight) {
    for (const InFlight& each : effects) must(each.effect == "await_guest", std::string(each.effect) + " never ends");
  }
  must(fleet().host.boot == host_.boot(), "the log does not know of this boot");
  for (const auto& [id, vm] : fleet().vms) check_vm(host_, vm);
  for (const auto& [pid, process] : host_.processes()) {
    must(!process.vm || fleet().vms.contains(process.vm) || process.stray, "a process of no VM's is left");
  }
  for (const auto& [id, things] : host_.things) {
    const bool left = leftovers.contains(id) && !sweep;
    must(fleet().vms.contains(id) || left || things == Things{}, "of no VM is left:" + host_.of_vm(id));
  }
  for (const auto& [id, things] : leftovers) {
    const auto found = host_.things.find(id);
    must(sweep || (found != host_.things.end() && found->second == things), "what is not known was touched");
  }
  for (const ImageId image : host_.images) {
    must(fleet().images.contains(image), "the directory of no image is left");
  }
  const GuestNetwork wanted = network_of(fleet());
  must(host_.bridge.has_value() == !wanted.empty(), wanted.empty() ? "a bridge for nobody is left" : "the bridge is missing");
  must(wanted.empty() || host_.bridge->rules == wanted, "the rules are not those of the guests");
}

}  // namespace banger::sim
