// What an Observation is made of, part by part, and how the parts become one: the same for both observers, so that
// they can differ in nothing but where a part came from. A part that could not be told is an Error and makes
// that part of the Observation unknown, never empty (rule 3). compose() is pure.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drivers/network/link.h"
#include "drivers/observe/processes.h"
#include "engine/observation.h"

namespace banger::observe {

struct LookSpec {
  Layout layout = {};
  BootId boot = {};
  Where where = {};
  // Whose devices and loops, and whose taps, are looked for; unset: this daemon can have none, and nobody looks.
  std::optional<StoreId> disks_of = {};
  std::optional<StoreId> links_of = {};
  // Whether bridge and rules are as they were left: only they know who left them. Called on a worker thread; unset: unknown.
  std::function<NetworkSighting()> network = {};
};

// The directories that an id names, below ours.
struct Directories {
  std::set<VmId> vms;
  std::set<ImageId> images;
};
// One that was never made is empty.
[[nodiscard]] Result<Directories> read_directories(const Layout& layout);

// Whoever fills this reads the directories last: a tap that has no mark yet is told by its VM's directory, which is
// made before it and goes after it.
struct Parts {
  Result<Processes> processes = {};
  Result<std::vector<std::string>> device_uuids = {};  // of device-mapper, anybody's
  Result<std::vector<std::string>> loop_marks = {};    // anybody's
  Result<std::vector<network::Link>> links = {};       // of them name, alias and `tap` are looked at
  Result<Directories> directories = {};
  NetworkSighting network = NetworkSighting::kUnknown;
};

struct Look {
  Observation seen;
  std::vector<std::string> unknown;  // why, a line for each part that could not be told
};
[[nodiscard]] Look compose(const LookSpec& spec, Parts parts);

}  // namespace banger::observe
