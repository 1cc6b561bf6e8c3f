// The qcow2 disk driver: a VM's disk is an overlay file over an image that stays as it is.
// Straight-line functions around qemu-img, for a worker thread. Each may be repeated after a crash:
// what is already so is left. Never writes to a base, and never touches the overlay of a VM that
// runs (qemu-img's own lock refuses that).
#pragma once

#include <cstdint>
#include <string>

#include "events/result.h"

namespace banger::disk {

struct OverlaySpec {
  std::string base;                 // absolute; any format that qemu-img knows by name below
  std::string base_format = "raw";  // named, never guessed: a guest could write a header that lies
  std::string overlay;              // absolute
  std::uint64_t size_bytes = 0;     // at least; never smaller than the base
  std::uint64_t keep_free_bytes = 256ull
                                  << 20;  // refused when less is free on the overlay's file system
};

struct DiskInfo {
  std::string format;
  std::uint64_t virtual_bytes = 0;  // what a guest sees
  std::uint64_t disk_bytes = 0;     // what it takes on the host
  std::string base;                 // empty: none

  friend bool operator==(const DiskInfo&, const DiskInfo&) = default;
};

// Makes the overlay, or grows the one that is there; it is never shrunk. The guest grows its file
// system at its next boot. An overlay over another base is an error.
[[nodiscard]] Result<DiskInfo> ensure_overlay(const OverlaySpec& spec);

// Also of a disk in use. `format` as for OverlaySpec::base_format.
[[nodiscard]] Result<DiskInfo> disk_info(const std::string& path,
                                         const std::string& format = "qcow2");

}  // namespace banger::disk
