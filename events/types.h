// The values that events carry and the engine's state keeps. Numbers of enums are stored: never renumber,
// never reuse; 0 is never a valid stored value. name_of() gives the word that users see and type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/fields.h"

namespace banger {

enum class NetMode : std::uint16_t { kUser = 1, kNone = 2, kBridge = 3 };
enum class Protocol : std::uint16_t { kTcp = 1, kUdp = 2 };
enum class StopMode : std::uint16_t { kGraceful = 1, kForced = 2 };

// Who ended an incarnation.
enum class StoppedBy : std::uint16_t {
  kGuest = 1,     // the guest powered itself off
  kRequest = 2,   // the guest obeyed a stop
  kForce = 3,     // the VMM was killed, because that was asked or the guest did not obey in time
  kObserved = 4,  // it was gone when we looked, while a stop was under way
};

// Where a start failed. In the order in which a start goes through them.
enum class StartStage : std::uint16_t {
  kPreflight = 1,
  kDirectory = 2,
  kKeys = 3,
  kDisk = 4,
  kPorts = 5,
  kVmm = 6,
  kDeadline = 7,
  kNetwork = 8,  // the tap of a bridged VM; between disk and ports
};

enum class ExecOutcome : std::uint16_t {
  kExited = 1,
  kSignalled = 2,
  kTimedOut = 3,
  kLost = 4,    // the connection, the client or the VM went away before an exit status was seen
  kFailed = 5,  // never started
};

// How a VMM came to its end, where nobody had asked for it.
enum class DeathCause : std::uint16_t {
  kUnknown = 1,     // it was gone, and nobody had seen it go
  kExited = 2,      // by itself, with an exit code
  kSignalled = 3,   // killed by a signal that was not ours
  kGuestPanic = 4,  // the guest's kernel gave up
  kToldToEnd = 5,   // by somebody else, over its own control socket
};

enum class ImageSource : std::uint16_t { kRecipe = 1, kImport = 2 };

// Why an epoch of the log began: a sequence means the same event only within one.
enum class EpochReason : std::uint8_t {
  kCreated = 1,
  kRestored = 2,
  kRepaired = 3,
  kLossAccepted = 4,  // a repair that lost what had been promised
};

// Classes and conditions of what a correction saw. Names derived from ids only: no pid, no device number.
enum class ResourceClass : std::uint16_t {
  kVmm = 1,
  kVmDirectory = 2,
  kImageDirectory = 3,
  kDmSnapshot = 4,  // a VM's disk on device-mapper
  kLoop = 5,        // what that disk is made of, without it
  kTap = 6,         // a VM's end on the bridge
  kNetwork = 7,     // the bridge and the rules that all of them share
};
enum class Condition : std::uint16_t {
  kAbsent = 1,     // wanted and not there
  kUnwanted = 2,   // ours, there, and not wanted
  kStale = 3,      // ours, of an earlier incarnation
  kDuplicate = 4,  // ours, one too many
  kUnowned = 5,    // carries our name, and no VM in the log has it
  kDamaged = 6,    // ours, and not as we left it
};
enum class CorrectiveAction : std::uint16_t { kKilled = 1, kReported = 2, kRemoved = 3, kFailed = 4, kRestored = 5 };

[[nodiscard]] std::string_view name_of(NetMode value);
[[nodiscard]] std::string_view name_of(Protocol value);
[[nodiscard]] std::string_view name_of(StopMode value);
[[nodiscard]] std::string_view name_of(StoppedBy value);
[[nodiscard]] std::string_view name_of(StartStage value);
[[nodiscard]] std::string_view name_of(ExecOutcome value);
[[nodiscard]] std::string_view name_of(DeathCause value);
[[nodiscard]] std::string_view name_of(ImageSource value);
[[nodiscard]] std::string_view name_of(EpochReason value);
[[nodiscard]] std::string_view name_of(ResourceClass value);
[[nodiscard]] std::string_view name_of(Condition value);
[[nodiscard]] std::string_view name_of(CorrectiveAction value);

// The host was changed; what was only told of, or could not be done, is still as it was found.
[[nodiscard]] bool was_done(CorrectiveAction value);

// A number read from outside as an enum, or nothing where no such value exists.
template <class Enum>
[[nodiscard]] std::optional<Enum> enum_from(std::uint16_t number) {
  auto value = static_cast<Enum>(number);
  if (name_of(value).empty()) return std::nullopt;
  return value;
}

// A host address and port that lead to a port of the guest.
struct PortForward {
  std::string host_address = "127.0.0.1";
  std::uint16_t host_port = 0;  // 0 in a request: choose one
  std::uint16_t guest_port = 0;
  Protocol protocol = Protocol::kTcp;
  bool allocated = false;  // the host port was chosen by banger, so it may choose another

  friend bool operator==(const PortForward&, const PortForward&) = default;
  static constexpr auto fields() {
    return std::tuple{
        field("host_address", &PortForward::host_address), field("host_port", &PortForward::host_port),
        field("guest_port", &PortForward::guest_port), field("protocol", &PortForward::protocol),
        field("allocated", &PortForward::allocated)};
  }
};

// What a user may set, at creation and by `vm set`.
struct VmSettings {
  std::uint32_t vcpus = 0;
  std::uint64_t memory_mib = 0;
  std::uint64_t disk_mib = 0;
  NetMode net = NetMode::kUser;
  std::vector<PortForward> ports;
  bool autostart = false;  // start again after the host was rebooted
  bool open = false;       // bridged: other guests may reach it, and it them

  friend bool operator==(const VmSettings&, const VmSettings&) = default;
  static constexpr auto fields() {
    return std::tuple{field("vcpus", &VmSettings::vcpus), field("memory_mib", &VmSettings::memory_mib),
                      field("disk_mib", &VmSettings::disk_mib), field("net", &VmSettings::net),
                      field("ports", &VmSettings::ports), field("autostart", &VmSettings::autostart),
                      field("open", &VmSettings::open)};
  }
};

}  // namespace banger
