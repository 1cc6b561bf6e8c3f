#include "drivers/observe/look.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "drivers/disk/dm_snapshot.h"
#include "drivers/host/directory_stream.h"

namespace banger::observe {
namespace {

template <class Id>
Status read_ids(const std::string& path, std::set<Id>& seen) {
  host::DirectoryStream directory(::opendir(path.c_str()));
  if (!directory && errno == ENOENT) return {};
  if (!directory) return fail_errno("open " + path, errno);
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (!entry && errno != 0) return fail_errno("read " + path, errno);
    if (!entry) return {};
    auto id = Id::parse(entry->d_name);
    if (!id) continue;
    struct stat found{};
    if (::fstatat(::dirfd(directory.get()), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return fail_errno("look at " + path + "/" + entry->d_name, errno);
    }
    if (S_ISDIR(found.st_mode)) seen.insert(*id);
  }
}

// The value, or nothing and a line that says why.
template <class T>
T take(Result<T>& part, const std::string& what, Look& look) {
  if (part) return *std::move(part);
  look.unknown.push_back(what + ": " + part.error().message);
  return {};
}

// Those with our mark, and those that are called like a VM's of ours and nobody has marked yet.
std::set<VmId> taps_of(StoreId store, std::vector<network::Link> links, const std::set<VmId>& vms) {
  std::map<std::string, VmId> names;
  for (const VmId vm : vms) names[network::tap_name(store, vm)] = vm;
  std::set<VmId> taps;
  for (network::Link& link : links) {
    if (!link.tap) continue;
    const auto ours = network::as_ours(store, std::move(link));
    if (!ours) continue;
    const auto named = names.find(ours->link.name);
    const VmId vm = ours->proven ? ours->mark.vm : named != names.end() ? named->second : VmId{};
    if (vm) taps.insert(vm);
  }
  return taps;
}

}  // namespace

Result<Directories> read_directories(const Layout& layout) {
  Directories found;
  BANGER_TRY(read_ids(layout.vms_dir(), found.vms));
  BANGER_TRY(read_ids(layout.images_dir(), found.images));
  return found;
}

Look compose(const LookSpec& spec, Parts parts) {
  Look look;
  Observation& seen = look.seen;
  seen.processes_known = parts.processes.has_value();
  Processes processes = take(parts.processes, "processes", look);
  seen.vmms = std::move(processes.vmms);
  seen.disturbed = std::move(processes.disturbed);
  seen.directories_known = parts.directories.has_value();
  Directories directories = take(parts.directories, "directories", look);
  seen.vm_directories = std::move(directories.vms);
  seen.image_directories = std::move(directories.images);
  if (spec.disks_of) {
    seen.disks_known = parts.device_uuids && parts.loop_marks;
    const auto uuids = take(parts.device_uuids, "devices", look);
    const auto marks = take(parts.loop_marks, "loops", look);
    seen.disks = disk::held_by(*spec.disks_of, uuids, marks);
  }
  if (spec.links_of) {
    // Without the directories a tap that has no mark yet would look like nobody's.
    seen.links_known = parts.links && seen.directories_known;
    seen.taps = taps_of(*spec.links_of, take(parts.links, "links", look), seen.vm_directories);
  }
  seen.network = parts.network;
  return look;
}

}  // namespace banger::observe
