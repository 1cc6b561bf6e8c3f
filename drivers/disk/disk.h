// Disk: what a VM's system disk is made of, over an image that stays as it is. Three kinds: an overlay in a qcow2 file, a
// snapshot of device-mapper, and a raw copy of the image. Straight-line and blocking, for worker threads; each call may be repeated after a
// crash at any point. A disk keeps its kind for life: the guest's data is in its files (disks.h chooses).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "engine/handles.h"
#include "events/result.h"

namespace banger::disk {

struct DiskSpec {
  VmId vm;
  std::string image;             // a raw image, absolute; never written to
  std::string overlay;           // engine/paths.h: VmPaths
  std::string cow;               // likewise
  std::string rest;              // likewise
  std::string raw;               // likewise
  bool raw_only = false;         // its VMM reads nothing but raw disks
  std::uint64_t size_bytes = 0;  // at least; never smaller than the image, never shrunk
};

// What a VMM is given.
struct VmmDisk {
  std::string path;
  std::string format;  // as QEMU names it

  friend bool operator==(const VmmDisk&, const VmmDisk&) = default;
};

// What is about to be acquired is in the handles already, and must be written down before this returns; an Error from
// here ends the attempt. A name that is in the handles need not be there yet, or any more.
using NoteHandles = std::function<Status(const VmHandles&)>;

class Disk {
 public:
  virtual ~Disk() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // as in the configuration
  // There, and as large as asked for; fills in what of `handles` is its own. A failure undoes what it made.
  [[nodiscard]] virtual Result<VmmDisk> ensure(const DiskSpec& spec, VmHandles& handles,
                                               const NoteHandles& note) const = 0;
  // The kernel holds nothing for it any more; its files stay. EBUSY where somebody had it open until `patience` was
  // over: nothing is lost, try again later.
  [[nodiscard]] virtual Status release(VmId vm, std::chrono::milliseconds patience) const = 0;
};

}  // namespace banger::disk
