#include "cli/bangerctl/audit/narrate.h"

#include "cli/bangerctl/sizes.h"

namespace banger::ctl {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

std::string of_ms(std::uint64_t ms) {
  return span(static_cast<std::int64_t>(ms) * kMs);
}

std::string two(std::int64_t first, const char* unit, std::int64_t second, const char* of) {
  std::string text = std::to_string(first) + unit;
  if (second != 0) text += " " + std::to_string(second) + of;
  return text;
}

std::string told(const VmSettings& settings) {
  std::string text = std::to_string(settings.vcpus) + (settings.vcpus == 1 ? " CPU, " : " CPUs, ") +
                     format_mib(settings.memory_mib) + " memory, " + format_mib(settings.disk_mib) +
                     " disk";
  for (const PortForward& forward : settings.ports) text += ", " + format_port(forward);
  return text + (settings.autostart ? ", autostart" : "");
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string line;
  for (const std::string& word : argv) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n'\"") == std::string::npos;
    line += (line.empty() ? "" : " ") + (plain ? word : "'" + word + "'");
  }
  return line;
}

Told intent(std::string words) {
  return {Role::kIntent, std::move(words)};
}
Told outcome(std::string words) {
  return {Role::kOutcome, std::move(words)};
}
Told failure(std::string words) {
  return {Role::kFailure, std::move(words)};
}
Told use(std::string words) {
  return {Role::kUse, std::move(words)};
}

struct Tell {
  Told operator()(const VmCreated& e) const {
    return intent("created from image " + e.image_name + ": " + told(e.settings) +
                  (e.remove_after_exec ? "; to be deleted after its command" : ""));
  }
  Told operator()(const VmStartRequested& e) const {
    return intent("start requested" +
                  (e.incarnation > 1 ? ", the " + std::to_string(e.incarnation) + ". time" : ""));
  }
  Told operator()(const VmStopRequested& e) const {
    const std::string what = e.then_start ? "restart requested" : "stop requested";
    return intent(what + (e.mode == StopMode::kForced ? ", by force" : ""));
  }
  Told operator()(const VmDeleteRequested& e) const {
    return intent(std::string("deletion requested") + (e.force ? ", even if it runs" : ""));
  }
  Told operator()(const VmChanged& e) const {
    return intent("settings changed: " + told(e.settings));
  }
  Told operator()(const VmStarted& e) const {
    return outcome(e.adopted ? "found running, and adopted" : "running");
  }
  Told operator()(const VmReady& e) const { return outcome("ready after " + of_ms(e.after_ms)); }
  Told operator()(const VmReadyMissed& e) const {
    return failure("the guest did not answer within " + of_ms(e.timeout_ms));
  }
  Told operator()(const VmStartFailed& e) const {
    return failure("start failed at " + std::string(name_of(e.stage)) + ": " + e.message);
  }
  Told operator()(const VmStopped& e) const {
    switch (e.by) {
      case StoppedBy::kGuest:
        return outcome("powered itself off");
      case StoppedBy::kRequest:
        return outcome("stopped as asked");
      case StoppedBy::kForce:
        return outcome("stopped by force");
      case StoppedBy::kObserved:
        return outcome("was gone when it was to be stopped");
    }
    return outcome("stopped");
  }
  Told operator()(const VmDied& e) const { return failure("died: " + e.reason); }
  Told operator()(const VmHostRebooted&) const { return failure("ended by a reboot of the host"); }
  Told operator()(const VmDeleted&) const { return outcome("deleted, and proved gone"); }
  Told operator()(const VmPortReassigned& e) const {
    return outcome("host port " + std::to_string(e.busy_port) + " was busy: guest port " +
                   std::to_string(e.guest_port) + " got " + std::to_string(e.host_port));
  }
  Told operator()(const VmAddressAssigned& e) const { return outcome("got the address " + e.address); }
  Told operator()(const VmTearDownStalled& e) const {
    return failure("tear-down stalled: " + e.message);
  }
  Told operator()(const DriftCorrected& e) const {
    return {Role::kCorrection, std::string(name_of(e.condition)) + " " +
                                   std::string(name_of(e.resource)) + " " + e.derived_name + " " +
                                   std::string(name_of(e.action)) + ": " + e.why};
  }
  Told operator()(const ExecStarted& e) const {
    return use(e.argv.empty() ? "a shell was opened" : "command started: " + command_line(e.argv));
  }
  Told operator()(const ExecFinished& e) const {
    switch (e.outcome) {
      case ExecOutcome::kExited:
        return use("command ended with " + std::to_string(e.code));
      case ExecOutcome::kSignalled:
        return use("command ended by signal " + std::to_string(e.code));
      case ExecOutcome::kTimedOut:
        return use("command ran out of time");
      case ExecOutcome::kLost:
        return use("command lost from sight");
      case ExecOutcome::kFailed:
        return use("command could not be started");
    }
    return use("command ended");
  }
  Told operator()(const ImageRequested& e) const {
    return intent(e.source == ImageSource::kRecipe ? "asked for, by recipe " + e.recipe
                                                   : "asked for, by import");
  }
  Told operator()(const ImageReady& e) const {
    return outcome("ready, " + format_bytes(e.disk_bytes) + " on disk");
  }
  Told operator()(const ImageFailed& e) const { return failure("failed: " + e.message); }
  Told operator()(const ImageDeleteRequested&) const { return intent("deletion requested"); }
  Told operator()(const ImageDeleted&) const { return outcome("deleted"); }
  Told operator()(const HostBooted& e) const {
    return outcome("the host booted, kernel " + e.kernel_release);
  }
  Told operator()(const DaemonStarted& e) const {
    return outcome("the daemon started, version " + e.version);
  }
  Told operator()(const DaemonStopped&) const { return outcome("the daemon stopped"); }
  Told operator()(const LogEpochBegan& e) const {
    const std::string lost = e.anchored > e.begins_after
                                 ? ", " + std::to_string(e.anchored - e.begins_after) + " lost"
                                 : "";
    return failure("the log was " + std::string(name_of(e.reason)) + ": epoch " +
                   std::to_string(e.number) + ", events kept up to " +
                   std::to_string(e.begins_after) + lost);
  }
  Told operator()(const ProjectionDrifted& e) const {
    return failure(std::to_string(e.rows) + " rows of projection " + e.projection +
                   " were not what the log makes them");
  }
  Told operator()(const PersonalErased& e) const {
    return {Role::kIntent, "what was typed was erased from " + std::to_string(e.events) +
                               " events of VM " + e.name};
  }
  Told operator()(const LogArchived& e) const {
    return {Role::kIntent, "events " + std::to_string(e.first) + " to " + std::to_string(e.last) +
                               " were archived: " + e.file + ", " + format_bytes(e.bytes)};
  }
};

struct SettlesState {
  bool operator()(const VmChanged&) const { return false; }
  bool operator()(const VmPortReassigned&) const { return false; }
  bool operator()(const VmAddressAssigned&) const { return false; }
  bool operator()(const VmTearDownStalled&) const { return false; }
  bool operator()(const DriftCorrected&) const { return false; }
  bool operator()(const ExecStarted&) const { return false; }
  bool operator()(const ExecFinished&) const { return false; }
  bool operator()(const HostBooted&) const { return false; }
  bool operator()(const DaemonStarted&) const { return false; }
  bool operator()(const DaemonStopped&) const { return false; }
  bool operator()(const LogEpochBegan&) const { return false; }
  bool operator()(const ProjectionDrifted&) const { return false; }
  bool operator()(const PersonalErased&) const { return false; }
  bool operator()(const LogArchived&) const { return false; }
  bool operator()(const VmCreated&) const { return true; }
  bool operator()(const VmStartRequested&) const { return true; }
  bool operator()(const VmStopRequested&) const { return true; }
  bool operator()(const VmDeleteRequested&) const { return true; }
  bool operator()(const VmStarted&) const { return true; }
  bool operator()(const VmReady&) const { return true; }
  bool operator()(const VmReadyMissed&) const { return true; }
  bool operator()(const VmStartFailed&) const { return true; }
  bool operator()(const VmStopped&) const { return true; }
  bool operator()(const VmDied&) const { return true; }
  bool operator()(const VmHostRebooted&) const { return true; }
  bool operator()(const VmDeleted&) const { return true; }
  bool operator()(const ImageRequested&) const { return true; }
  bool operator()(const ImageReady&) const { return true; }
  bool operator()(const ImageFailed&) const { return true; }
  bool operator()(const ImageDeleteRequested&) const { return true; }
  bool operator()(const ImageDeleted&) const { return true; }
};

// ", took 1.2 s"; nothing where it is not known since when, or the clock was set back.
std::string since(const char* what, std::int64_t then_ns, std::int64_t now_ns) {
  const std::string length = then_ns == 0 ? "" : span(now_ns - then_ns);
  return length.empty() ? "" : std::string(", ") + what + " " + length;
}

}  // namespace

Told tell(const Event& event, bool erased) {
  Told told = std::visit(Tell{}, event);
  if (!erased) return told;
  // Without its words a command looks like a shell.
  if (std::holds_alternative<ExecStarted>(event)) told.words = "command started";
  told.words += " (what was typed is erased)";
  return told;
}

bool settles_state(const Event& event) {
  return std::visit(SettlesState{}, event);
}

std::string span(std::int64_t ns) {
  if (ns < 0) return {};
  if (ns < kSecond) return std::to_string(ns / kMs) + " ms";
  const std::int64_t seconds = ns / kSecond;
  if (seconds < 60)
    return std::to_string(seconds) + "." + std::to_string(ns % kSecond / (100 * kMs)) + " s";
  if (seconds < 3600) return two(seconds / 60, " min", seconds % 60, " s");
  if (seconds < 48 * 3600) return two(seconds / 3600, " h", seconds % 3600 / 60, " min");
  return two(seconds / 86'400, " d", seconds % 86'400 / 3600, " h");
}

Timeline::Entry Timeline::next(const EventRecord& record, bool erased) {
  const std::int64_t now = record.envelope.time_ns;
  Told told = tell(record.event, erased);
  Entry entry{told.role, std::move(told.words)};
  const auto* exec = std::get_if<ExecStarted>(&record.event);
  const auto* finished = std::get_if<ExecFinished>(&record.event);
  const bool created = std::holds_alternative<VmCreated>(record.event) ||
                       std::holds_alternative<ImageRequested>(record.event);
  const bool stopped = std::holds_alternative<VmStopped>(record.event);
  const bool ended = stopped || std::holds_alternative<VmDied>(record.event) ||
                     std::holds_alternative<VmHostRebooted>(record.event);
  const bool gone = std::holds_alternative<VmDeleted>(record.event) ||
                    std::holds_alternative<ImageDeleted>(record.event);
  if (created) created_ns_ = now;
  if (std::holds_alternative<VmStarted>(record.event)) {
    entry.words += since("up after", asked_ns_, now);
    started_ns_ = now;
  }
  if (std::holds_alternative<VmStartFailed>(record.event))
    entry.words += since("after", asked_ns_, now);
  if (std::holds_alternative<ImageReady>(record.event))
    entry.words += since("took", asked_ns_, now);
  // A guest that powered itself off obeyed nobody: there was no request that it took time for.
  if (stopped && std::get<VmStopped>(record.event).by != StoppedBy::kGuest)
    entry.words += since("took", asked_ns_, now);
  if (ended) entry.words += since("ran", std::exchange(started_ns_, 0), now);
  if (gone) entry.words += since("lived", created_ns_, now);
  if (exec) execs_[exec->exec] = now;
  if (finished) {
    if (const auto begun = execs_.extract(finished->exec))
      entry.words += since("after", begun.mapped(), now);
  }
  if (entry.role == Role::kIntent) asked_ns_ = now;
  return entry;
}

}  // namespace banger::ctl
