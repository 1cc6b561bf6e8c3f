// Whether KVM really boots a kernel here. Some hosts let anybody open /dev/kvm and then never get a
// guest to its first line, so only a trial boot tells; its verdict is kept in a file until the host
// boots anew or a kernel changes. Blocks a worker thread for the trial's deadline at worst. The
// daemon asks once at start-up; a config may override.
#pragma once

#include <chrono>
#include <string>

#include "events/result.h"

namespace banger::vmm {

struct KvmProbe {
  std::string kernel;           // what the trial boots: any of our guest kernels
  std::string cache_directory;  // must exist
  std::chrono::milliseconds deadline{5000};
  std::string device = "/dev/kvm";
};

struct KvmVerdict {
  bool usable = false;
  std::string reason;  // for a person
  bool from_cache = false;
};

// An error only if the trial could not be made at all (no QEMU, no kernel); nothing is kept then.
[[nodiscard]] Result<KvmVerdict> probe_kvm(const KvmProbe& probe);

}  // namespace banger::vmm
