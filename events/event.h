// Every fact that banger records, as plain structs in one variant. Past tense: an event has happened, and
// folding it cannot fail. kKind is stored: never renumber, never reuse. No field may hold a kernel handle
// (a pid, a device, a descriptor): those die with the boot, and events don't (tests/tidy checks it).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "events/ids.h"
#include "events/types.h"

namespace banger {

#define BANGER_EVENT(Name, number, text)            \
  static constexpr std::uint16_t kKind = number;    \
  static constexpr std::string_view kName = text;   \
  friend bool operator==(const Name&, const Name&) = default

// ---- vm stream: what was asked ----

struct VmCreated {
  BANGER_EVENT(VmCreated, 1, "vm_created");
  std::string name;
  ImageId image;
  std::string image_name;
  VmSettings settings;
  std::uint16_t ssh_port = 0;      // on the host's loopback; 0 without a network
  bool remove_after_exec = false;  // `run --rm`: the daemon deletes it once its command has ended
  static constexpr auto fields() {
    return std::tuple{field("name", &VmCreated::name), field("image", &VmCreated::image),
                      field("image_name", &VmCreated::image_name),
                      field("settings", &VmCreated::settings), field("ssh_port", &VmCreated::ssh_port),
                      field("remove_after_exec", &VmCreated::remove_after_exec)};
  }
};

// A new incarnation begins. Its sequence is the fence of everything that the start does.
struct VmStartRequested {
  BANGER_EVENT(VmStartRequested, 2, "vm_start_requested");
  std::uint32_t incarnation = 0;
  std::uint64_t start_timeout_ms = 0;  // for the VMM to be up
  std::uint64_t ready_timeout_ms = 0;  // for the guest to answer, from then
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmStartRequested::incarnation),
                      field("start_timeout_ms", &VmStartRequested::start_timeout_ms),
                      field("ready_timeout_ms", &VmStartRequested::ready_timeout_ms)};
  }
};

struct VmStopRequested {
  BANGER_EVENT(VmStopRequested, 3, "vm_stop_requested");
  StopMode mode = StopMode::kGraceful;
  std::uint64_t timeout_ms = 0;  // how long the guest may take before it is killed
  bool then_start = false;       // a restart: start again once it is down
  static constexpr auto fields() {
    return std::tuple{field("mode", &VmStopRequested::mode),
                      field("timeout_ms", &VmStopRequested::timeout_ms),
                      field("then_start", &VmStopRequested::then_start)};
  }
};

struct VmDeleteRequested {
  BANGER_EVENT(VmDeleteRequested, 4, "vm_delete_requested");
  bool force = false;  // it may be running
  static constexpr auto fields() { return std::tuple{field("force", &VmDeleteRequested::force)}; }
};

struct VmChanged {
  BANGER_EVENT(VmChanged, 5, "vm_changed");
  VmSettings settings;  // whole, as they are from now on; a running VM takes them at its next start
  static constexpr auto fields() { return std::tuple{field("settings", &VmChanged::settings)}; }
};

// ---- vm stream: what came of it ----

struct VmStarted {
  BANGER_EVENT(VmStarted, 16, "vm_started");
  std::uint32_t incarnation = 0;
  bool adopted = false;  // found running, after the daemon that started it had died before it could say so
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmStarted::incarnation),
                      field("adopted", &VmStarted::adopted)};
  }
};

struct VmReady {
  BANGER_EVENT(VmReady, 17, "vm_ready");
  std::uint32_t incarnation = 0;
  std::uint64_t after_ms = 0;  // since VmStarted, on the wall clock of the two events
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmReady::incarnation), field("after_ms", &VmReady::after_ms)};
  }
};

// The guest did not answer in time. The VM goes on running: it may yet answer, and its console says why not.
struct VmReadyMissed {
  BANGER_EVENT(VmReadyMissed, 18, "vm_ready_missed");
  std::uint32_t incarnation = 0;
  std::uint64_t timeout_ms = 0;
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmReadyMissed::incarnation),
                      field("timeout_ms", &VmReadyMissed::timeout_ms)};
  }
};

struct VmStartFailed {
  BANGER_EVENT(VmStartFailed, 19, "vm_start_failed");
  std::uint32_t incarnation = 0;
  StartStage stage = StartStage::kPreflight;
  std::string message;
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmStartFailed::incarnation),
                      field("stage", &VmStartFailed::stage), field("message", &VmStartFailed::message)};
  }
};

struct VmStopped {
  BANGER_EVENT(VmStopped, 20, "vm_stopped");
  std::uint32_t incarnation = 0;
  StoppedBy by = StoppedBy::kRequest;
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmStopped::incarnation), field("by", &VmStopped::by)};
  }
};

struct VmDied {
  BANGER_EVENT(VmDied, 21, "vm_died");
  std::uint32_t incarnation = 0;
  std::string reason;
  DeathCause cause = DeathCause::kUnknown;
  std::uint32_t code = 0;  // exit code or signal number; 0 where there is none
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmDied::incarnation), field("reason", &VmDied::reason),
                      field("cause", &VmDied::cause), field("code", &VmDied::code)};
  }
};

struct VmHostRebooted {
  BANGER_EVENT(VmHostRebooted, 22, "vm_host_rebooted");
  std::uint32_t incarnation = 0;
  static constexpr auto fields() {
    return std::tuple{field("incarnation", &VmHostRebooted::incarnation)};
  }
};

// Everything of it is proved absent: process, directory, ports. The last event of its stream.
struct VmDeleted {
  BANGER_EVENT(VmDeleted, 23, "vm_deleted");
  static constexpr auto fields() { return std::tuple{}; }
};

// A host port was taken by somebody else; the VM gets another.
struct VmPortReassigned {
  BANGER_EVENT(VmPortReassigned, 24, "vm_port_reassigned");
  std::uint16_t guest_port = 0;
  std::uint16_t busy_port = 0;
  std::uint16_t host_port = 0;
  static constexpr auto fields() {
    return std::tuple{field("guest_port", &VmPortReassigned::guest_port),
                      field("busy_port", &VmPortReassigned::busy_port),
                      field("host_port", &VmPortReassigned::host_port)};
  }
};

// A bridged VM's address, its own until it is deleted or the fleet's subnet is another.
struct VmAddressAssigned {
  BANGER_EVENT(VmAddressAssigned, 29, "vm_address_assigned");
  std::string address;  // "172.16.0.2"
  static constexpr auto fields() { return std::tuple{field("address", &VmAddressAssigned::address)}; }
};

// A stop or a deletion met something that it could not undo yet. It is tried again; repeats are not recorded.
struct VmTearDownStalled {
  BANGER_EVENT(VmTearDownStalled, 25, "vm_tear_down_stalled");
  std::string message;
  static constexpr auto fields() {
    return std::tuple{field("message", &VmTearDownStalled::message)};
  }
};

// The reconciler found the host other than the log says, and did this about it. In the VM's stream where
// there is such a VM, else in the host's.
struct DriftCorrected {
  BANGER_EVENT(DriftCorrected, 26, "drift_corrected");
  ResourceClass resource = ResourceClass::kVmm;
  Condition condition = Condition::kAbsent;
  std::string derived_name;  // "vm-<id>": a name of ours, never a kernel's
  CorrectiveAction action = CorrectiveAction::kReported;
  std::string why;
  static constexpr auto fields() {
    return std::tuple{field("resource", &DriftCorrected::resource),
                      field("condition", &DriftCorrected::condition),
                      field("derived_name", &DriftCorrected::derived_name),
                      field("action", &DriftCorrected::action), field("why", &DriftCorrected::why)};
  }
};

// Somebody was let into the guest: a command, or a shell where argv is empty.
struct ExecStarted {
  BANGER_EVENT(ExecStarted, 27, "exec_started");
  ExecId exec;
  std::uint32_t incarnation = 0;
  bool tty = false;
  std::uint64_t timeout_ms = 0;   // 0: none
  std::vector<std::string> argv;  // personal: can be erased
  static constexpr auto fields() {
    return std::tuple{field("exec", &ExecStarted::exec), field("incarnation", &ExecStarted::incarnation),
                      field("tty", &ExecStarted::tty), field("timeout_ms", &ExecStarted::timeout_ms),
                      field("argv", &ExecStarted::argv)};
  }
};

struct ExecFinished {
  BANGER_EVENT(ExecFinished, 28, "exec_finished");
  ExecId exec;
  ExecOutcome outcome = ExecOutcome::kExited;
  std::uint32_t code = 0;  // exit status or signal number; 0 where there is none
  static constexpr auto fields() {
    return std::tuple{field("exec", &ExecFinished::exec), field("outcome", &ExecFinished::outcome),
                      field("code", &ExecFinished::code)};
  }
};

// ---- image stream ----

struct ImageRequested {
  BANGER_EVENT(ImageRequested, 64, "image_requested");
  std::string name;
  ImageSource source = ImageSource::kRecipe;
  std::string recipe;  // of kRecipe
  std::string path;    // of kImport; personal: can be erased
  static constexpr auto fields() {
    return std::tuple{field("name", &ImageRequested::name), field("source", &ImageRequested::source),
                      field("recipe", &ImageRequested::recipe), field("path", &ImageRequested::path)};
  }
};

struct ImageReady {
  BANGER_EVENT(ImageReady, 65, "image_ready");
  Digest digest{};  // of the root file system
  std::uint64_t virtual_bytes = 0;
  std::uint64_t disk_bytes = 0;
  static constexpr auto fields() {
    return std::tuple{field("digest", &ImageReady::digest),
                      field("virtual_bytes", &ImageReady::virtual_bytes),
                      field("disk_bytes", &ImageReady::disk_bytes)};
  }
};

struct ImageFailed {
  BANGER_EVENT(ImageFailed, 66, "image_failed");
  std::string message;
  static constexpr auto fields() { return std::tuple{field("message", &ImageFailed::message)}; }
};

struct ImageDeleteRequested {
  BANGER_EVENT(ImageDeleteRequested, 67, "image_delete_requested");
  static constexpr auto fields() { return std::tuple{}; }
};

struct ImageDeleted {
  BANGER_EVENT(ImageDeleted, 68, "image_deleted");
  static constexpr auto fields() { return std::tuple{}; }
};

// ---- host stream ----

// The first look at this boot of the host. Voids every handle of earlier boots.
struct HostBooted {
  BANGER_EVENT(HostBooted, 96, "host_booted");
  BootId boot;
  std::string kernel_release;
  static constexpr auto fields() {
    return std::tuple{field("boot", &HostBooted::boot),
                      field("kernel_release", &HostBooted::kernel_release)};
  }
};

struct DaemonStarted {
  BANGER_EVENT(DaemonStarted, 97, "daemon_started");
  std::string version;
  static constexpr auto fields() { return std::tuple{field("version", &DaemonStarted::version)}; }
};

struct DaemonStopped {
  BANGER_EVENT(DaemonStopped, 98, "daemon_stopped");
  static constexpr auto fields() { return std::tuple{}; }
};

// The log has begun a new epoch since the last start: it was restored or repaired while no daemon ran.
struct LogEpochBegan {
  BANGER_EVENT(LogEpochBegan, 99, "log_epoch_began");
  std::uint64_t number = 0;
  EpochReason reason = EpochReason::kRestored;
  Sequence begins_after = 0;  // last event kept from the epoch before
  Sequence anchored = 0;      // what the anchor had promised; more than begins_after: events were lost
  static constexpr auto fields() {
    return std::tuple{field("number", &LogEpochBegan::number), field("reason", &LogEpochBegan::reason),
                      field("begins_after", &LogEpochBegan::begins_after),
                      field("anchored", &LogEpochBegan::anchored)};
  }
};

// Stored rows were found other than a fold of the log makes them. An alarm: nothing was changed by it.
struct ProjectionDrifted {
  BANGER_EVENT(ProjectionDrifted, 100, "projection_drifted");
  std::string projection;
  std::uint64_t rows = 0;
  Sequence checked_to = 0;
  std::string example;  // the key of the first such row, in hex
  static constexpr auto fields() {
    return std::tuple{field("projection", &ProjectionDrifted::projection), field("rows", &ProjectionDrifted::rows),
                      field("checked_to", &ProjectionDrifted::checked_to),
                      field("example", &ProjectionDrifted::example)};
  }
};

// The personal parts of one VM's events were cut out of the log. Their digests stay.
struct PersonalErased {
  BANGER_EVENT(PersonalErased, 101, "personal_erased");
  VmId vm;  // it may be deleted
  std::string name;
  std::uint64_t events = 0;
  static constexpr auto fields() {
    return std::tuple{field("vm", &PersonalErased::vm), field("name", &PersonalErased::name),
                      field("events", &PersonalErased::events)};
  }
};

// The log's oldest events left the database for a file. They can still be read while that is where it was put.
struct LogArchived {
  BANGER_EVENT(LogArchived, 102, "log_archived");
  Sequence first = 0;
  Sequence last = 0;
  std::string file;  // its name, in the log's archive directory
  std::uint64_t bytes = 0;
  Digest digest{};
  static constexpr auto fields() {
    return std::tuple{field("first", &LogArchived::first), field("last", &LogArchived::last),
                      field("file", &LogArchived::file), field("bytes", &LogArchived::bytes),
                      field("digest", &LogArchived::digest)};
  }
};

#undef BANGER_EVENT

using Event =
    std::variant<VmCreated, VmStartRequested, VmStopRequested, VmDeleteRequested, VmChanged, VmStarted,
                 VmReady, VmReadyMissed, VmStartFailed, VmStopped, VmDied, VmHostRebooted, VmDeleted,
                 VmPortReassigned, VmTearDownStalled, DriftCorrected, ExecStarted, ExecFinished,
                 ImageRequested, ImageReady, ImageFailed, ImageDeleteRequested, ImageDeleted, HostBooted,
                 DaemonStarted, DaemonStopped, LogEpochBegan, ProjectionDrifted, PersonalErased,
                 LogArchived, VmAddressAssigned>;

[[nodiscard]] inline std::uint16_t kind_of(const Event& event) {
  return std::visit([](const auto& each) { return each.kKind; }, event);
}
[[nodiscard]] inline std::string_view name_of(const Event& event) {
  return std::visit([](const auto& each) { return each.kName; }, event);
}

// Visits a variant with one lambda per alternative; forgetting one does not compile.
template <class... Arms>
struct Overloaded : Arms... {
  using Arms::operator()...;
};

}  // namespace banger
