#include "drivers/disk/disks.h"

#include <iterator>

#include "drivers/disk/dm_snapshot.h"
#include "drivers/disk/qcow2.h"
#include "drivers/disk/sparse_file.h"

namespace banger::disk {
namespace {

class Qcow2Disk : public Disk {
 public:
  [[nodiscard]] std::string_view name() const override { return name_of(DiskChoice::kQcow2); }
  [[nodiscard]] Result<VmmDisk> ensure(const DiskSpec& spec, VmHandles&, const NoteHandles&) const override {
    auto info = ensure_overlay({.base = spec.image, .overlay = spec.overlay, .size_bytes = spec.size_bytes});
    if (!info) return std::unexpected(info.error());
    return VmmDisk{spec.overlay, info->format};
  }
  [[nodiscard]] Status release(VmId, std::chrono::milliseconds) const override { return {}; }
};

class SnapshotDisk : public Disk {
 public:
  explicit SnapshotDisk(StoreId store) : store_(store) {}

  [[nodiscard]] std::string_view name() const override { return name_of(DiskChoice::kDmSnapshot); }
  [[nodiscard]] Result<VmmDisk> ensure(const DiskSpec& spec, VmHandles& handles,
                                       const NoteHandles& note) const override {
    BANGER_TRY(ensure_snapshot({.store = store_,
                                .vm = spec.vm,
                                .base = spec.image,
                                .cow = spec.cow,
                                .rest = spec.rest,
                                .size_bytes = spec.size_bytes},
                               handles, note));
    return VmmDisk{handles.dm_device, "raw"};
  }
  [[nodiscard]] Status release(VmId vm, std::chrono::milliseconds patience) const override {
    return remove_snapshot(store_, vm, patience);
  }

 private:
  StoreId store_;
};

// A whole disk of its own, as cheap as the file system makes a copy: a VMM that reads neither qcow2 nor has
// device-mapper below it has nothing else.
class RawDisk : public Disk {
 public:
  [[nodiscard]] std::string_view name() const override { return name_of(DiskChoice::kRaw); }
  [[nodiscard]] Result<VmmDisk> ensure(const DiskSpec& spec, VmHandles&, const NoteHandles&) const override {
    BANGER_TRY(ensure_copy({.from = spec.image, .to = spec.raw}));
    const std::uint64_t sectors = (spec.size_bytes + dm::kSectorBytes - 1) / dm::kSectorBytes;
    if (auto grown = ensure_sparse(spec.raw, sectors * dm::kSectorBytes); !grown) {
      return std::unexpected(grown.error());
    }
    return VmmDisk{spec.raw, "raw"};
  }
  [[nodiscard]] Status release(VmId, std::chrono::milliseconds) const override { return {}; }
};

}  // namespace

std::string_view name_of(DiskChoice choice) {
  switch (choice) {
    case DiskChoice::kAuto: return "auto";
    case DiskChoice::kQcow2: return "qcow2";
    case DiskChoice::kDmSnapshot: return "dm_snapshot";
    case DiskChoice::kRaw: return "raw";
  }
  return {};
}

Status snapshots_usable() { return dm::usable("snapshot"); }

Disks::Disks(DiskChoice choice, StoreId store, Status snapshots)
    : choice_(choice),
      store_(store),
      snapshots_(std::move(snapshots)),
      qcow2_(std::make_unique<Qcow2Disk>()),
      snapshot_(std::make_unique<SnapshotDisk>(store)),
      raw_(std::make_unique<RawDisk>()) {}

Result<const Disk*> Disks::of(const DiskSpec& spec) const {
  bool there[3] = {};
  const std::string* files[] = {&spec.overlay, &spec.raw, &spec.cow};
  for (std::size_t i = 0; i < std::size(files); ++i) {
    auto found = file_bytes(*files[i]);
    if (!found) return std::unexpected(found.error());
    there[i] = found->has_value();
  }
  const auto [has_overlay, has_raw, has_cow] = there;
  if (has_overlay && spec.raw_only) return fail("this VM's disk is a qcow2 file, and its VMM reads only raw disks");
  if (has_overlay) return qcow2_.get();
  if (has_raw) return raw_.get();
  if (!has_cow && choice_ == DiskChoice::kRaw) return raw_.get();
  if (!has_cow && choice_ == DiskChoice::kQcow2) {
    if (spec.raw_only) return fail("disk = \"qcow2\" in the configuration, and this VMM reads only raw disks");
    return qcow2_.get();
  }
  if (!has_cow && choice_ == DiskChoice::kAuto && !snapshots_) return spec.raw_only ? raw_.get() : qcow2_.get();
  if (snapshots_) return snapshot_.get();
  return fail((has_cow ? "this VM's disk is a snapshot of device-mapper, but " : "disk = \"dm_snapshot\", but ") +
                  snapshots_.error().message,
              snapshots_.error().sys_errno);
}

Status Disks::release(VmId vm, std::chrono::milliseconds patience) const {
  if (!hold_kernel_devices()) return {};
  return snapshot_->release(vm, patience);
}

Result<std::map<VmId, DiskSighting>> Disks::held() const {
  if (!hold_kernel_devices()) return {};
  return held_disks(store_);
}

std::string Disks::describe() const {
  const std::string why = snapshots_ ? "device-mapper is there" : snapshots_.error().message;
  switch (choice_) {
    case DiskChoice::kAuto: return (snapshots_ ? "dm_snapshot (" : "qcow2 (") + why + ")";
    case DiskChoice::kQcow2: return "qcow2 (configured)";
    case DiskChoice::kRaw: return "raw (configured)";
    case DiskChoice::kDmSnapshot: return snapshots_ ? "dm_snapshot (configured)" : "none (dm_snapshot is configured, but " + why + ")";
  }
  return {};
}

}  // namespace banger::disk
