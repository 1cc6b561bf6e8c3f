// The kernel's device-mapper, by libdevmapper: devices made of targets, by name and UUID. Straight-line functions
// for worker threads, which take root. libdevmapper keeps its state in statics and takes one caller at a
// time: these functions see to that, and nothing else of banger may call it.
//
// No udev: libdevmapper makes and removes the nodes in /dev/mapper itself, and a udev that runs all the same is told
// to leave our devices alone, because a scanner that has one open keeps it from being removed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "events/result.h"

namespace banger::disk::dm {

inline constexpr std::uint64_t kSectorBytes = 512;

// A part of a device, and what is behind it. In sectors.
struct Target {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  std::string type;    // "snapshot", "linear"
  std::string params;  // as the kernel's Documentation/admin-guide/device-mapper has them

  friend bool operator==(const Target&, const Target&) = default;
};

struct Device {
  std::string name;
  std::string uuid;  // empty: none
  dev_t device = 0;
  int open_count = 0;
  bool active = false;  // it has a table, and is not suspended
  std::vector<Target> table;
  std::vector<dev_t> uses;  // the devices that its table needs
};

// An Error says what is missing: root, the driver, or this kind of target.
[[nodiscard]] Status usable(const std::string& target_type);

[[nodiscard]] Result<std::optional<Device>> find(const std::string& name);
// All whose UUID begins like this; with an empty prefix all that there are.
[[nodiscard]] Result<std::vector<Device>> list(const std::string& uuid_prefix);

// The UUIDs of all that have one. Asks less of the kernel than list() does.
[[nodiscard]] Result<std::vector<std::string>> uuids();

// There with its table, or not there at all. EBUSY where name or UUID is taken.
[[nodiscard]] Status create(const std::string& name, const std::string& uuid, const std::vector<Target>& table);
// EBUSY where somebody has it open; ENXIO where there is none.
[[nodiscard]] Status remove(const std::string& name);
// Its targets with their status for params. ENXIO as above.
[[nodiscard]] Result<std::vector<Target>> status(const std::string& name);

[[nodiscard]] std::string node_of(const std::string& name);

}  // namespace banger::disk::dm
