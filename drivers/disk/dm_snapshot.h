// A VM's disk as a snapshot of device-mapper: the image's area is copy-on-write over one read-only loop that all VMs
// of the image share, what the disk has beyond the image lies in a file of its own. Straight-line functions for a
// worker thread, which take root. Each may be repeated after a crash at any point; whose a device or a loop is,
// is proved by its UUID or mark, which hold the store's and the VM's id. Never touches another's.
//
//   /dev/mapper/banger-STORE-VM   0 .. image   snapshot  loop(image, read-only, shared)  loop(disk.cow)
//                                 image .. end linear    loop(disk.rest)
//
// Everything the guest has written is in the two files (persistent store, "PO"): the device and its loops are made at
// each start and removed at each end. disk.cow is sparse and so large that every chunk of the image fits into it:
// a store of its own size never fills. What can fill is the file system below: then a write fails, the kernel
// marks the snapshot invalid, and what the guest wrote to the image's area is lost (docs/OPERATIONS.md).
#pragma once

#include "drivers/disk/device_mapper.h"
#include "drivers/disk/disk.h"
#include "engine/observation.h"

namespace banger::disk {

// 4 KiB, as ext4's blocks and a page: a guest's smallest write copies nothing that it does not replace, and a
// chunk takes 16 bytes of the store's metadata.
inline constexpr std::uint64_t kChunkSectors = 8;

struct SnapshotSpec {
  StoreId store;
  VmId vm;
  std::string base;              // the image's file: whole sectors
  std::string cow;               // made where it is not there
  std::string rest;              // likewise, where the disk is larger than the image
  std::uint64_t size_bytes = 0;  // at least; never smaller than the image, never shrunk
  std::uint64_t cow_bytes = 0;   // 0: cow_bytes_for() the image
  std::uint64_t keep_free_bytes = 256ull << 20;  // refused when less is free where `cow` is
};

struct SnapshotNames {
  std::string device;   // "banger-STORE-VM"
  std::string uuid;     // "BANGER-STORE-VM"
  std::string base_mark, cow_mark, rest_mark;  // of the loops
};
[[nodiscard]] SnapshotNames snapshot_names(StoreId store, VmId vm);
// The VM whose snapshot of this store has that UUID, or none.
[[nodiscard]] VmId vm_of_uuid(StoreId store, std::string_view uuid);

// The device, there and right; what was right already is kept, what was stale is made anew. Fills in `handles`'
// loops and device. Where it fails, all that it made is undone, in reverse. EBUSY where a stale one is open.
[[nodiscard]] Status ensure_snapshot(const SnapshotSpec& spec, VmHandles& handles, const NoteHandles& note);

// Nothing of this VM's is left of device-mapper and loops; its files stay. Device, then its loops, then the image's
// loop where nobody uses it any more; every step runs. EBUSY where somebody had the device or a loop open until
// `patience` was over: try again later.
[[nodiscard]] Status remove_snapshot(StoreId store, VmId vm, std::chrono::milliseconds patience);

enum class StoreHealth {
  kGood,
  kFull,     // a write found no room in the store: what was written before is there
  kInvalid,  // the store could not be written: it is lost
  kUnknown,
};

struct SnapshotStatus {
  StoreHealth health = StoreHealth::kUnknown;
  std::uint64_t used_sectors = 0;  // with metadata
  std::uint64_t total_sectors = 0;
  std::uint64_t metadata_sectors = 0;

  friend bool operator==(const SnapshotStatus&, const SnapshotStatus&) = default;
};
// The kernel's words: Documentation/admin-guide/device-mapper/snapshot.rst.
[[nodiscard]] SnapshotStatus parse_snapshot_status(const std::string& params);
// ENXIO where there is no such device.
[[nodiscard]] Result<SnapshotStatus> snapshot_status(StoreId store, VmId vm);

struct OwnSnapshot {
  VmId vm;
  dm::Device device;
};
// Of this store.
[[nodiscard]] Result<std::vector<OwnSnapshot>> list_snapshots(StoreId store);

// What the kernel holds for VMs of this store: devices by their UUID, loops by their mark.
[[nodiscard]] Result<std::map<VmId, DiskSighting>> held_disks(StoreId store);
// The same from all devices' UUIDs and all loops' marks, whoever has read them. Pure.
[[nodiscard]] std::map<VmId, DiskSighting> held_by(StoreId store, const std::vector<std::string>& uuids,
                                                   const std::vector<std::string>& marks);

// How large a store must be so that an image of so many bytes, rewritten whole, fits.
[[nodiscard]] std::uint64_t cow_bytes_for(std::uint64_t base_bytes);
// Of an image and a disk of so many sectors, on these devices.
[[nodiscard]] std::vector<dm::Target> snapshot_table(std::uint64_t base_sectors, std::uint64_t disk_sectors, dev_t base,
                                                     dev_t cow, dev_t rest);

}  // namespace banger::disk
