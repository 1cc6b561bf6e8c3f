#include "drivers/disk/dm_snapshot.h"
#include "drivers/loop_device/loop_device.h"

namespace banger::disk {
namespace {

// A mark is its VM's UUID with the file's name behind it.
VmId vm_of_mark(StoreId store, std::string_view mark) {
  for (std::string_view file : {"-cow", "-rest"}) {
    if (mark.ends_with(file)) return vm_of_uuid(store, mark.substr(0, mark.size() - file.size()));
  }
  return {};
}

}  // namespace

std::map<VmId, DiskSighting> held_by(StoreId store, const std::vector<std::string>& uuids,
                                     const std::vector<std::string>& marks) {
  std::map<VmId, DiskSighting> held;
  for (const std::string& uuid : uuids) {
    if (VmId vm = vm_of_uuid(store, uuid)) held[vm].device = true;
  }
  for (const std::string& mark : marks) {
    if (VmId vm = vm_of_mark(store, mark)) held[vm].loops = true;
  }
  return held;
}

Result<std::map<VmId, DiskSighting>> held_disks(StoreId store) {
  auto uuids = dm::uuids();
  if (!uuids) return std::unexpected(uuids.error());
  auto marks = loop::marks();
  if (!marks) return std::unexpected(marks.error());
  return held_by(store, *uuids, *marks);
}

}  // namespace banger::disk
