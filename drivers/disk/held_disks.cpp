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

Result<std::map<VmId, DiskSighting>> held_disks(StoreId store) {
  auto snapshots = list_snapshots(store);
  if (!snapshots) return std::unexpected(snapshots.error());
  auto loops = loop::list_loops();
  if (!loops) return std::unexpected(loops.error());
  std::map<VmId, DiskSighting> held;
  for (const OwnSnapshot& each : *snapshots) held[each.vm].device = true;
  for (const loop::LoopDevice& each : *loops) {
    if (VmId vm = vm_of_mark(store, each.mark)) held[vm].loops = true;
  }
  return held;
}

}  // namespace banger::disk
