// Firecracker in its jailer: what the jailer is started with, as whom, in which cgroup, and what
// must lie where in the chroot before it starts. Pure: whoever spawns makes <base>/<name of the
// binary>/<id>/root with run/ in it, links and nodes. The jailer, started as root, copies the
// binary there, makes dev/, gives / and run/ to the VM's user, mode 0700, and its privileges up; it
// removes nothing afterwards. Everything of a jail is found again by its id alone. Source:
// docs/jailer.md and src/jailer of Firecracker.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "drivers/vmm/firecracker/argv.h"

namespace banger::vmm::firecracker {

struct JailConfig {
  std::string jailer = "jailer";
  // Resolved, as the jailer resolves it: the last part of this path names a directory of the
  // chroot. It must hold the word "firecracker".
  std::string program;
  std::string base =
      "/srv/jailer";            // absolute and resolved; on one filesystem with what is hard-linked
  std::uint32_t first_uid = 0;  // VMs have users of their own out of uid_count from here on
  std::uint32_t uid_count = 0;
  std::uint32_t gid = 0;
  std::string parent_cgroup =
      "banger";  // below the root of cgroup v2; each VM gets one of its own in it
  std::uint64_t memory_overhead =
      64ull << 20;                   // what the VMM itself needs beside the guest's memory, bytes
  std::uint32_t max_processes = 64;  // a thread for each CPU, and Firecracker's own
};

struct JailEntry {
  enum class How {
    kHardLink,  // a file: needs the same filesystem, shares its owner and mode with the original
    kDeviceNode  // a device: a node of its number, as the jailer makes one of /dev/kvm
  };
  std::string host;
  std::string inside;  // from the chroot's root, without a leading slash
  How how = How::kHardLink;
  bool writable =
      false;  // the VM's user must be given it; what is not must only be readable by that user

  friend bool operator==(const JailEntry&, const JailEntry&) = default;
};

struct Jail {
  std::string root;  // the chroot as the host sees it
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string cgroup;      // relative to the cgroup filesystem
  std::string api_socket;  // as the host sees it: what api_client.h is given
  std::vector<JailEntry> entries;
  FirecrackerSpec spec;  // with every path as Firecracker sees it: what is sent
  std::vector<std::string> argv;
};

// A user for this VM that nobody in `taken` (the users of the jails that there are) is: the same
// one each time if it is free. An error when all are taken.
[[nodiscard]] Result<std::uint32_t> jail_uid(const JailConfig& config, VmId vm,
                                             const std::set<std::uint32_t>& taken);

// `spec` has the host's paths; `disk_is_device` says that its disk is a block device and no file.
// An error for a configuration that the jailer would refuse.
[[nodiscard]] Result<Jail> jail_of(const JailConfig& config, const FirecrackerSpec& spec,
                                   bool disk_is_device, std::uint32_t uid);

}  // namespace banger::vmm::firecracker
