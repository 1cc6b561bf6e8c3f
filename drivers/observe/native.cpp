#include "drivers/observe/native.h"

#include "drivers/disk/device_mapper.h"
#include "drivers/loop_device/loop_device.h"

namespace banger::observe {

Look observe_native(const LookSpec& spec) {
  Parts parts;
  parts.processes = find_vmms(spec.layout, spec.boot, spec.where);
  if (spec.disks_of) {
    parts.device_uuids = disk::dm::uuids();
    parts.loop_marks = loop::marks();
  }
  if (spec.links_of) parts.links = network::all_links();
  if (spec.network) parts.network = spec.network();
  parts.directories = read_directories(spec.layout);
  return compose(spec, std::move(parts));
}

}  // namespace banger::observe
