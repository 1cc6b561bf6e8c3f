// Which kind of disk a VM gets: the one that its files are of, or for a new VM what the configuration and this host
// say. Made once, when the daemon starts; any thread may use it then.
#pragma once

#include <memory>
#include <string>

#include "drivers/disk/disk.h"
#include "engine/observation.h"

namespace banger::disk {

enum class DiskChoice { kAuto, kQcow2, kDmSnapshot, kRaw };
[[nodiscard]] std::string_view name_of(DiskChoice choice);  // as in the configuration

// Whether this host can have snapshots, or why not. Loads the driver where it is a module.
[[nodiscard]] Status snapshots_usable();

class Disks {
 public:
  // `snapshots`: what snapshots_usable() said.
  Disks(DiskChoice choice, StoreId store, Status snapshots);

  // An Error where the VM's disk is of a kind that this host cannot have (now), or that its VMM cannot read.
  [[nodiscard]] Result<const Disk*> of(const DiskSpec& spec) const;
  // Whatever kind it is of. Does nothing where the kernel can hold nothing.
  [[nodiscard]] Status release(VmId vm, std::chrono::milliseconds patience) const;
  // What the kernel holds now, of any VM of this store.
  [[nodiscard]] Result<std::map<VmId, DiskSighting>> held() const;
  // False: no disk here is anything but files.
  [[nodiscard]] bool hold_kernel_devices() const { return snapshots_.has_value(); }
  // For people: what new VMs get, and why.
  [[nodiscard]] std::string describe() const;

 private:
  DiskChoice choice_;
  StoreId store_;
  Status snapshots_;
  std::unique_ptr<const Disk> qcow2_;
  std::unique_ptr<const Disk> snapshot_;
  std::unique_ptr<const Disk> raw_;
};

}  // namespace banger::disk
