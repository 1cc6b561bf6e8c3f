#include "engine/deciding.h"

namespace banger {
namespace {

constexpr std::uint64_t kForcedStopTimeoutMs = 10'000;

// The VM that an outcome is about, while its intent is still the one being worked on. Rule 9: a tombstone and
// a fence stop late outcomes.
const VmRuntime* current(const Asked& asked, VmId id, Sequence fence) {
  const VmRuntime* vm = asked.fleet.vm(id);
  if (!vm || vm->fence != fence || asked.fleet.parked.contains(stream_of(id))) return nullptr;
  return vm;
}

const VmRuntime* current(const Asked& asked, VmId id, Sequence fence, VmState state) {
  const VmRuntime* vm = current(asked, id, fence);
  return vm && vm->state == state ? vm : nullptr;
}

Decision dropped(VmId id) { return {stream_of(id), {}}; }

Decision outcome(const VmRuntime& vm, Event event) {
  return {stream_of(vm.id), {{stream_of(vm.id), std::move(event), vm.fence, vm.correlation}}};
}

void then(Decision& decision, const VmRuntime& vm, Event event) {
  decision.events.push_back({stream_of(vm.id), std::move(event), 0, vm.correlation});
}

std::uint64_t elapsed_ms(std::int64_t from_ns, std::int64_t to_ns) {
  return to_ns > from_ns ? static_cast<std::uint64_t>(to_ns - from_ns) / 1'000'000 : 0;
}

// The end of an incarnation closes what was open in it, and begins the next one where that was asked.
Decision incarnation_ended(const Asked& asked, const VmRuntime& vm, Event how) {
  Decision decision = outcome(vm, std::move(how));
  bool removed = !vm.execs.empty() && vm.remove_after_exec;
  end_execs(vm, 0, decision);
  if (vm.then_start && !removed) then(decision, vm, next_start(asked.limits, vm.incarnation));
  return decision;
}

}  // namespace

Decided decide_on(const Asked& asked, const ReportSpawned& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence, VmState::kStarting);
  if (!vm) return dropped(report.vm);
  return outcome(*vm, VmStarted{vm->incarnation, report.adopted});
}

Decided decide_on(const Asked& asked, const ReportSpawnFailed& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence, VmState::kStarting);
  if (!vm) return dropped(report.vm);
  return outcome(*vm, VmStartFailed{vm->incarnation, report.stage, report.message});
}

Decided decide_on(const Asked& asked, const ReportPortBusy& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence, VmState::kStarting);
  if (!vm) return dropped(report.vm);
  std::uint16_t guest_port = report.port == vm->ssh_port ? 22 : 0;
  for (const PortForward& forward : vm->settings.ports) {
    if (forward.host_port == report.port && forward.allocated) guest_port = forward.guest_port;
  }
  std::vector<std::uint16_t> taken{report.port};
  // Each attempt is a new fence with a deadline of its own, so the attempts need a bound of theirs.
  bool late = elapsed_ms(vm->changed_at_ns, asked.command.time_ns) >= vm->start_timeout_ms;
  std::uint16_t port = guest_port == 0 || late ? std::uint16_t{0} : allocate_port(asked, taken);
  if (port == 0) {
    return outcome(*vm, VmStartFailed{vm->incarnation, StartStage::kPorts,
                                      "host port " + std::to_string(report.port) +
                                          " is in use by another program"});
  }
  return outcome(*vm, VmPortReassigned{guest_port, report.port, port});
}

Decided decide_on(const Asked& asked, const ReportReady& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence, VmState::kRunning);
  if (!vm || vm->ready) return dropped(report.vm);
  return outcome(*vm, VmReady{vm->incarnation, elapsed_ms(vm->changed_at_ns, asked.command.time_ns)});
}

Decided decide_on(const Asked& asked, const ReportDeadline& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence);
  if (!vm) return dropped(report.vm);
  switch (vm->state) {
    case VmState::kStarting:
      return outcome(*vm, VmStartFailed{vm->incarnation, StartStage::kDeadline,
                                        "the VMM was not up within " +
                                            std::to_string(vm->start_timeout_ms / 1000) + " s"});
    case VmState::kRunning:
      if (vm->ready || vm->ready_missed) return dropped(report.vm);
      return outcome(*vm, VmReadyMissed{vm->incarnation, vm->ready_timeout_ms});
    case VmState::kStopping:
      if (vm->stop_mode == StopMode::kForced) return dropped(report.vm);
      return outcome(*vm, VmStopRequested{StopMode::kForced, kForcedStopTimeoutMs, vm->then_start});
    case VmState::kCreated:
    case VmState::kStopped:
    case VmState::kError:
    case VmState::kDeleting: return dropped(report.vm);
  }
  return dropped(report.vm);
}

Decided decide_on(const Asked& asked, const ReportGone& report) {
  const VmRuntime* vm = asked.fleet.vm(report.vm);
  if (!vm || vm->incarnation != report.incarnation || asked.fleet.parked.contains(stream_of(report.vm))) {
    return dropped(report.vm);
  }
  if (vm->state == VmState::kStopping) {
    return incarnation_ended(asked, *vm, VmStopped{vm->incarnation, report.by.value_or(StoppedBy::kObserved)});
  }
  if (vm->state != VmState::kRunning) return dropped(report.vm);
  if (report.by) return incarnation_ended(asked, *vm, VmStopped{vm->incarnation, *report.by});
  return incarnation_ended(asked, *vm, VmDied{vm->incarnation, report.reason, report.cause, report.code});
}

Decided decide_on(const Asked& asked, const ReportTornDown& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence, VmState::kDeleting);
  if (!vm) return dropped(report.vm);
  return outcome(*vm, VmDeleted{});
}

Decided decide_on(const Asked& asked, const ReportTearDownFailed& report) {
  const VmRuntime* vm = current(asked, report.vm, report.fence);
  // Said once: a tick that meets the same again records nothing.
  bool under_way = vm && (vm->state == VmState::kDeleting || vm->state == VmState::kStopping);
  if (!under_way || vm->last_error == report.message) return dropped(report.vm);
  return outcome(*vm, VmTearDownStalled{report.message});
}

Decided decide_on(const Asked& asked, const ReportHost& report) {
  Decision decision{kHostStream, {}};
  // Parked, it cannot say which boot this is, and every start would look like one. Then looking settles it.
  if (asked.fleet.parked.contains(kHostStream)) return decision;
  if (asked.fleet.host.boot != report.boot) {
    decision.events.push_back({kHostStream, HostBooted{report.boot, report.kernel_release}});
    // Rule 5: a new boot voids every handle. What was starting, stopping or being deleted goes on by itself:
    // its intent stands, and its process is seen to be absent.
    for (const auto& [id, vm] : asked.fleet.vms) {
      if (vm.state != VmState::kRunning || asked.fleet.parked.contains(stream_of(id))) continue;
      bool removed = !vm.execs.empty() && vm.remove_after_exec;
      then(decision, vm, VmHostRebooted{vm.incarnation});
      end_execs(vm, 0, decision);
      if (vm.settings.autostart && !removed) then(decision, vm, next_start(asked.limits, vm.incarnation));
    }
  }
  for (const LogEpochBegan& epoch : report.log_epochs) {
    if (epoch.number > asked.fleet.host.log_epoch) decision.events.push_back({kHostStream, epoch});
  }
  decision.events.push_back({kHostStream, DaemonStarted{report.daemon_version}});
  return decision;
}

Decided decide_on(const Asked&, const ReportDaemonStopped&) {
  return Decision{kHostStream, {{kHostStream, DaemonStopped{}}}};
}

Decided decide_on(const Asked&, const ReportProjectionDrift& report) {
  return Decision{kHostStream, {{kHostStream, report.finding}}};
}

Decided decide_on(const Asked&, const ReportErased& report) {
  return Decision{kHostStream, {{kHostStream, report.erased}}};
}

Decided decide_on(const Asked&, const ReportArchived& report) {
  return Decision{kHostStream, {{kHostStream, report.archived}}};
}

Decided decide_on(const Asked& asked, const ReportDrift& report) {
  if (report.vm && asked.fleet.vm(*report.vm)) {
    return outcome(*asked.fleet.vm(*report.vm), report.finding);
  }
  // What no VM owns is the host's. What is only told, or could not be done, is said once; what was done, each time.
  if (!was_done(report.finding.action) && asked.fleet.host.reported.contains(report.finding.derived_name)) return Decision{kHostStream, {}};
  return Decision{kHostStream, {{kHostStream, report.finding}}};
}

}  // namespace banger
