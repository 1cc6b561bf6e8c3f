// One look at the host: a value, made by an Observer, used by plan, thrown away. It tells what is there and
// what could not be told; it never says what should be there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/handles.h"

namespace banger {

// A VMM process that is provably ours: its API socket, in its argv, lies in the directory of this VM.
struct VmmSighting {
  ProcessIdentity process;
  std::uint32_t incarnation = 0;  // 0 where its argv does not tell

  friend bool operator==(const VmmSighting&, const VmmSighting&) = default;
};

struct Observation {
  // False where the look itself failed: then nothing may be concluded from what is missing here (rule 3).
  bool processes_known = false;
  bool directories_known = false;
  std::map<VmId, std::vector<VmmSighting>> vmms;  // oldest process first
  std::set<VmId> vm_directories;
  std::set<ImageId> image_directories;
  // VMs of which this look says nothing, because something was being done to them while it was taken.
  std::set<VmId> disturbed;

  friend bool operator==(const Observation&, const Observation&) = default;
};

}  // namespace banger
