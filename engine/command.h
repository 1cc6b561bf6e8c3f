// Everything that decide can be asked: intents of people, and outcomes that drivers and the reconciler
// report. Imperative names. The loop puts in what the core must not make: ids, time, random bytes.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/addresses.h"
#include "engine/state.h"

namespace banger {

// ---- intents; a `vm` or `image` is a name, an id or a unique prefix of an id ----

struct CreateVm {
  std::string name;  // empty: one is made from the id
  std::string image;
  VmSettings settings;
  bool start = false;
  bool remove_after_exec = false;
};
struct StartVm {
  std::string vm;
};
struct StopVm {
  std::string vm;
  StopMode mode = StopMode::kGraceful;
  std::uint64_t timeout_ms = 0;
};
struct RestartVm {
  std::string vm;
  StopMode mode = StopMode::kGraceful;
  std::uint64_t timeout_ms = 0;
};
struct DeleteVm {
  std::string vm;
  bool force = false;
};
struct SetVm {
  std::string vm;
  std::optional<std::uint32_t> vcpus;
  std::optional<std::uint64_t> memory_mib;
  std::optional<std::uint64_t> disk_mib;
  std::optional<std::vector<PortForward>> ports;
  std::optional<bool> autostart;
  std::optional<bool> open;
};
struct StartExec {
  std::string vm;
  std::vector<std::string> argv;  // empty: a shell
  bool tty = false;
  std::uint64_t timeout_ms = 0;
};
struct FinishExec {
  VmId vm;
  ExecId exec;
  ExecOutcome outcome = ExecOutcome::kExited;
  std::uint32_t code = 0;
};
struct MakeImage {
  std::string name;
  ImageSource source = ImageSource::kRecipe;
  std::string recipe;
  std::string path;
};
struct DeleteImage {
  std::string image;
};

// ---- outcomes; one with a fence that is not its subject's any more is dropped ----

struct ReportSpawned {
  VmId vm;
  Sequence fence = 0;
  bool adopted = false;
};
struct ReportSpawnFailed {
  VmId vm;
  Sequence fence = 0;
  StartStage stage = StartStage::kPreflight;
  std::string message;
};
struct ReportPortBusy {
  VmId vm;
  Sequence fence = 0;
  std::uint16_t port = 0;
};
struct ReportReady {
  VmId vm;
  Sequence fence = 0;
};
struct ReportDeadline {
  VmId vm;
  Sequence fence = 0;
};
// The VMM was seen to end, or seen to be gone. Its incarnation is the fence: whatever is asked of a VM, one
// incarnation of it ends once.
struct ReportGone {
  VmId vm;
  std::uint32_t incarnation = 0;
  std::optional<StoppedBy> by;  // where that is known; a running VM without it has died
  std::string reason;
  DeathCause cause = DeathCause::kUnknown;  // of one that has died
  std::uint32_t code = 0;
};
struct ReportTornDown {
  VmId vm;
  Sequence fence = 0;
};
struct ReportTearDownFailed {
  VmId vm;
  Sequence fence = 0;
  std::string message;
};
struct ReportImageMade {
  ImageId image;
  Sequence fence = 0;
  Digest digest{};
  std::uint64_t virtual_bytes = 0;
  std::uint64_t disk_bytes = 0;
};
struct ReportImageFailed {
  ImageId image;
  Sequence fence = 0;
  std::string message;
};
struct ReportImageRemoved {
  ImageId image;
  Sequence fence = 0;
};
struct ReportHost {
  BootId boot;
  std::string kernel_release;
  std::string daemon_version;
  std::vector<LogEpochBegan> log_epochs;  // all that the log knows of after its first, oldest first
};
struct ReportDaemonStopped {};
struct ReportProjectionDrift {
  ProjectionDrifted finding;
};
// What is to be erased is in the log's request (events/log); this is its record.
struct ReportErased {
  PersonalErased erased;
};
// What leaves the log's store is in the log's request, too.
struct ReportArchived {
  LogArchived archived;
};
struct ReportDrift {
  std::optional<VmId> vm;  // in whose stream, where the log has such a VM
  DriftCorrected finding;
};

using Ask = std::variant<CreateVm, StartVm, StopVm, RestartVm, DeleteVm, SetVm, StartExec, FinishExec,
                         MakeImage, DeleteImage, ReportSpawned, ReportSpawnFailed, ReportPortBusy,
                         ReportReady, ReportDeadline, ReportGone, ReportTornDown, ReportTearDownFailed,
                         ReportImageMade, ReportImageFailed, ReportImageRemoved, ReportHost,
                         ReportDaemonStopped, ReportProjectionDrift, ReportErased, ReportArchived,
                         ReportDrift>;

struct Command {
  CommandId id;  // whoever asks chooses it; asking again with it has no second effect
  Actor actor;
  std::int64_t time_ns = 0;
  std::uint64_t fresh_id = 0;  // random and not zero: the id of what this command creates
  std::uint64_t random = 0;
  Ask ask;
};

// What bounds requests on this host; from the configuration and the machine, not from the log.
struct HostLimits {
  std::uint32_t max_vcpus = 64;
  std::uint64_t max_memory_mib = 0;
  std::uint64_t max_disk_mib = 0;
  std::uint16_t first_port = 21000;  // host ports that banger may allocate: below the kernel's ephemeral range
  std::uint16_t last_port = 31999;
  std::optional<Subnet> subnet;  // bridged guests' addresses; nothing where this daemon may not change links
  std::uint64_t start_timeout_ms = 60'000;
  std::uint64_t ready_timeout_ms = 120'000;
};

struct NewEvent {
  StreamId stream;
  Event event;
  Sequence causation = 0;  // 0: this command's first event, or none for the first itself
  CommandId correlation;   // none: this command

  friend bool operator==(const NewEvent&, const NewEvent&) = default;
};

struct Decision {
  StreamId subject;
  std::vector<NewEvent> events;  // empty: it is so already, or the outcome came too late

  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace banger
