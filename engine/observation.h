// One look at the host: a value, made by an Observer, used by plan, thrown away. It tells what is there and
// what could not be told; it never says what should be there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/handles.h"

namespace banger {

enum class VmmKind { kQemu, kFirecracker };

// A VMM process that is provably ours: its API socket, in its argv, lies in the directory of this VM, or it runs in
// this VM's jail.
struct VmmSighting {
  ProcessIdentity process;
  std::uint32_t incarnation = 0;  // 0 where its argv does not tell
  VmmKind kind = VmmKind::kQemu;
  std::string jail;  // its chroot, as the host sees it; empty: it has none

  friend bool operator==(const VmmSighting&, const VmmSighting&) = default;
};

// What the kernel holds for a VM's disk: provably ours, by a UUID and by marks that name this store and the VM.
struct DiskSighting {
  bool device = false;  // the device-mapper device
  bool loops = false;   // loops of its files

  friend bool operator==(const DiskSighting&, const DiskSighting&) = default;
};

// The bridge and the rules that all bridged guests share.
enum class NetworkSighting {
  kUnknown,
  kAbsent,   // nothing of it is there
  kAsLeft,   // as this daemon left it
  kDamaged,  // ours, and not as this daemon left it: another daemon's, or somebody changed it
  kForeign,  // what is there is somebody else's
};

struct Observation {
  // False where the look itself failed: then nothing may be concluded from what is missing here (rule 3).
  bool processes_known = false;
  bool directories_known = false;
  std::map<VmId, std::vector<VmmSighting>> vmms;  // oldest process first
  // False: devices or loops could not be read, or this host can have none for us. What was seen is there all the
  // same; nothing follows from what is missing.
  bool disks_known = false;
  std::map<VmId, DiskSighting> disks;
  // Taps that carry this store's mark and the VM's. False: links could not be read, or bridged guests are not for
  // this daemon; then nothing follows from what is missing here.
  bool links_known = false;
  std::set<VmId> taps;
  NetworkSighting network = NetworkSighting::kUnknown;
  std::set<VmId> vm_directories;
  std::set<ImageId> image_directories;
  // VMs of which this look says nothing, because something was being done to them while it was taken.
  std::set<VmId> disturbed;

  friend bool operator==(const Observation&, const Observation&) = default;
};

}  // namespace banger
