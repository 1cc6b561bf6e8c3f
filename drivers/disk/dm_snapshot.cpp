#include "drivers/disk/dm_snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <set>

#include "drivers/disk/sparse_file.h"
#include "drivers/host/durable.h"
#include "drivers/host/joined.h"
#include "drivers/host/wait_a_little.h"
#include "drivers/loop_device/loop_device.h"

namespace banger::disk {
namespace {

constexpr std::uint64_t kChunkBytes = kChunkSectors * dm::kSectorBytes;
constexpr std::chrono::milliseconds kRetry{20};
constexpr std::chrono::seconds kUndoPatience{2};  // nobody but a scanner can have just opened it

using Clock = std::chrono::steady_clock;

// One snapshot is made or removed at a time, so that two of one image look for its loop one after the other.
std::mutex& making() {
  static std::mutex one;
  return one;
}

std::string numbers_of(dev_t device) { return std::to_string(major(device)) + ":" + std::to_string(minor(device)); }

// What a snapshot of this spec is made of, held so that it stays.
struct Parts {
  loop::HeldLoop base;
  loop::HeldLoop cow;
  std::optional<loop::HeldLoop> rest;
  std::uint64_t base_sectors = 0;
  std::uint64_t disk_sectors = 0;

  [[nodiscard]] std::vector<dm::Target> table() const {
    return snapshot_table(base_sectors, disk_sectors, base.loop.device, cow.loop.device,
                          rest ? rest->loop.device : dev_t{0});
  }
};

// In bytes; both whole sectors.
struct Sizes {
  std::uint64_t base = 0;
  std::uint64_t cow = 0;
  std::uint64_t rest = 0;
};

Result<Sizes> sizes_of(const SnapshotSpec& spec) {
  auto base = file_bytes(spec.base);
  if (!base) return std::unexpected(base.error());
  if (!*base || **base == 0 || **base % dm::kSectorBytes != 0) {
    return fail(spec.base + " is no image: it has to be there, and of whole sectors of 512 bytes");
  }
  auto rest = file_bytes(spec.rest);
  if (!rest) return std::unexpected(rest.error());
  Sizes sizes{.base = **base, .cow = spec.cow_bytes != 0 ? spec.cow_bytes : cow_bytes_for(**base)};
  const std::uint64_t disk = (spec.size_bytes + dm::kSectorBytes - 1) / dm::kSectorBytes * dm::kSectorBytes;
  sizes.rest = std::max(rest->value_or(0), disk > sizes.base ? disk - sizes.base : 0);
  return sizes;
}

loop::AttachSpec base_spec(const SnapshotSpec& spec, const SnapshotNames& names) {
  return {.path = spec.base, .read_only = true, .mark = names.base_mark};
}

// The kernel tells the table as it was given, but the store's type by one letter or by two.
bool same_table(std::vector<dm::Target> table, std::vector<dm::Target> wanted) {
  auto plain = [](std::vector<dm::Target>& targets) {
    for (dm::Target& each : targets) {
      if (auto at = each.params.find(" PO "); at != std::string::npos) each.params.erase(at + 2, 1);
    }
  };
  plain(table);
  plain(wanted);
  return table == wanted;
}

Result<SnapshotStatus> status_of(const std::string& device) {
  auto targets = dm::status(device);
  if (!targets) return std::unexpected(targets.error());
  for (const dm::Target& target : *targets) {
    if (target.type == "snapshot") return parse_snapshot_status(target.params);
  }
  return SnapshotStatus{};
}

// Whether the device is exactly what the spec asks for, over the files that are there now.
Result<bool> is_right(const dm::Device& device, const SnapshotSpec& spec, const SnapshotNames& names,
                      const Sizes& sizes, VmHandles& handles) {
  if (!device.active) return false;
  auto files = {file_bytes(spec.base), file_bytes(spec.cow)};
  for (const auto& each : files) {
    if (!each) return std::unexpected(each.error());
    if (!*each) return false;
  }
  Parts parts{.base_sectors = sizes.base / dm::kSectorBytes,
              .disk_sectors = (sizes.base + sizes.rest) / dm::kSectorBytes};
  auto base = loop::find_attached(base_spec(spec, names));
  auto cow = loop::find_attached({.path = spec.cow, .mark = names.cow_mark});
  for (auto* found : {&base, &cow}) {
    if (!*found) return std::unexpected(found->error());
    if (!**found) return false;
  }
  parts.base = std::move(**base);
  parts.cow = std::move(**cow);
  if (sizes.rest != 0) {
    auto there = file_bytes(spec.rest);
    if (!there) return std::unexpected(there.error());
    if (there->value_or(0) != sizes.rest) return false;
    auto rest = loop::find_attached({.path = spec.rest, .mark = names.rest_mark});
    if (!rest) return std::unexpected(rest.error());
    if (!*rest) return false;
    parts.rest = std::move(*rest);
  }
  if (!same_table(device.table, parts.table())) return false;
  auto status = status_of(device.name);
  if (!status) return std::unexpected(status.error());
  handles.base_loop = parts.base.loop.node();
  handles.cow_loop = parts.cow.loop.node();
  return status->health == StoreHealth::kGood;
}

// Files that one attempt made: removed again unless it came to its end.
class MadeFiles {
 public:
  MadeFiles() = default;
  MadeFiles(const MadeFiles&) = delete;
  MadeFiles& operator=(const MadeFiles&) = delete;
  ~MadeFiles() {
    for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) ::unlink(path->c_str());
  }
  Status ensure(const std::string& path, std::uint64_t bytes) {
    auto made = ensure_sparse(path, bytes);
    if (!made) return std::unexpected(made.error());
    if (*made) paths_.push_back(path);
    return {};
  }
  void keep() { paths_.clear(); }

 private:
  std::vector<std::string> paths_;
};

// The node that libdevmapper made leads to the device, and to nothing else that was left under its name.
Status check_node(const std::string& name) {
  auto device = dm::find(name);
  if (!device) return std::unexpected(device.error());
  if (!*device) return fail(name + " is gone again");
  const std::string node = dm::node_of(name);
  struct stat info {};
  if (::stat(node.c_str(), &info) != 0) return fail_errno("look at " + node, errno);
  if (!S_ISBLK(info.st_mode) || info.st_rdev != (*device)->device) return fail(node + " is another device's node");
  return {};
}

Status check_health(const std::string& name, const std::string& cow) {
  auto status = status_of(name);
  if (!status) return std::unexpected(status.error());
  switch (status->health) {
    case StoreHealth::kGood:
    case StoreHealth::kFull:
      return {};
    case StoreHealth::kInvalid:
      return fail("the store " + cow + " is invalid: it could not be written once, and what it held is lost. " +
                  "Delete the VM, or remove that file to begin again from the image");
    case StoreHealth::kUnknown:
      return fail("the kernel does not say how the store " + cow + " is");
  }
  return {};
}

// True once there is no device of that name.
Result<bool> removed(const SnapshotNames& names) {
  auto device = dm::find(names.device);
  if (!device) return std::unexpected(device.error());
  if (!*device) return true;
  if ((*device)->uuid != names.uuid) return fail("device-mapper's " + names.device + " is not ours: it is left alone");
  auto gone = dm::remove(names.device);
  if (gone || gone.error().sys_errno == ENXIO) return true;
  if (gone.error().sys_errno == EBUSY) return false;
  return std::unexpected(gone.error());
}

Status remove_device(const SnapshotNames& names, Clock::time_point until) {
  for (;;) {
    auto gone = removed(names);
    if (!gone) return std::unexpected(gone.error());
    if (*gone) return {};
    if (!host::wait_a_little(until, kRetry)) return fail(names.device + " is busy: somebody has it open", EBUSY);
  }
}

// Loops first, then the device over them: what fails in between falls with the descriptors that hold it.
Status make(const SnapshotSpec& spec, const SnapshotNames& names, const Sizes& sizes, VmHandles& handles,
            const NoteHandles& note) {
  auto noting = [&](std::string VmHandles::*member) {
    return [&handles, &note, member](const std::string& value) {
      handles.*member = value;
      return note(handles);
    };
  };
  BANGER_TRY(host::require_free_space(host::parent_of(spec.cow), spec.keep_free_bytes));
  MadeFiles files;
  Parts parts{.base_sectors = sizes.base / dm::kSectorBytes,
              .disk_sectors = (sizes.base + sizes.rest) / dm::kSectorBytes};
  auto base = loop::share(base_spec(spec, names), noting(&VmHandles::base_loop));
  if (!base) return std::unexpected(base.error());
  parts.base = std::move(*base);
  BANGER_TRY(files.ensure(spec.cow, sizes.cow));
  auto cow = loop::share({.path = spec.cow, .mark = names.cow_mark}, noting(&VmHandles::cow_loop));
  if (!cow) return std::unexpected(cow.error());
  parts.cow = std::move(*cow);
  if (sizes.rest != 0) {
    BANGER_TRY(files.ensure(spec.rest, sizes.rest));
    // Its loop has no place among the handles: it is found by its mark, as they all can be.
    auto rest = loop::share({.path = spec.rest, .mark = names.rest_mark},
                            [&](const std::string&) { return note(handles); });
    if (!rest) return std::unexpected(rest.error());
    parts.rest = std::move(*rest);
  }
  handles.dm_name = names.device;
  handles.dm_device = dm::node_of(names.device);
  BANGER_TRY(note(handles));
  BANGER_TRY(dm::create(names.device, names.uuid, parts.table()));
  Status good = check_node(names.device);
  if (good) good = check_health(names.device, spec.cow);
  if (!good) {
    host::JoinedErrors errors;
    errors.add(good);
    errors.add(remove_device(names, Clock::now() + kUndoPatience));
    return errors.status();
  }
  files.keep();
  return {};
}

// Has those loops detached that `drop` picks; gives those that were there.
Result<std::size_t> detach_where(const std::function<bool(const loop::LoopDevice&)>& drop) {
  auto loops = loop::list_loops();
  if (!loops) return std::unexpected(loops.error());
  host::JoinedErrors errors;
  std::size_t found = 0;
  for (const loop::LoopDevice& each : *loops) {
    if (!drop(each)) continue;
    ++found;
    errors.add(loop::detach(each));
  }
  if (auto all = errors.status(); !all) return std::unexpected(all.error());
  return found;
}

Status detach_own(const SnapshotNames& names, bool device_gone, Clock::time_point until) {
  for (;;) {
    auto there = detach_where(
        [&](const loop::LoopDevice& each) { return each.mark == names.cow_mark || each.mark == names.rest_mark; });
    if (!there) return std::unexpected(there.error());
    if (*there == 0 || !device_gone) return {};
    if (!host::wait_a_little(until, kRetry)) return fail("a loop of " + names.device + " is busy: somebody has it open", EBUSY);
  }
}

// The image's loop goes by itself with the last table over it; this is for one that somebody changed.
Status detach_unused_base(const SnapshotNames& names) {
  auto devices = dm::list("");
  if (!devices) return std::unexpected(devices.error());
  std::set<dev_t> used;
  for (const dm::Device& each : *devices) used.insert(each.uses.begin(), each.uses.end());
  auto there = detach_where(
      [&](const loop::LoopDevice& each) { return each.mark == names.base_mark && !used.contains(each.device); });
  return there ? Status{} : std::unexpected(there.error());
}

}  // namespace

SnapshotNames snapshot_names(StoreId store, VmId vm) {
  const std::string own = store.hex() + "-" + vm.hex();
  return {.device = "banger-" + own,
          .uuid = "BANGER-" + own,
          .base_mark = "BANGER-" + store.hex() + "-base",
          .cow_mark = "BANGER-" + own + "-cow",
          .rest_mark = "BANGER-" + own + "-rest"};
}

VmId vm_of_uuid(StoreId store, std::string_view uuid) {
  const std::string prefix = "BANGER-" + store.hex() + "-";
  if (!uuid.starts_with(prefix)) return {};
  return VmId::parse(uuid.substr(prefix.size())).value_or(VmId{});
}

Status ensure_snapshot(const SnapshotSpec& spec, VmHandles& handles, const NoteHandles& note) {
  const SnapshotNames names = snapshot_names(spec.store, spec.vm);
  const std::lock_guard lock(making());
  auto sizes = sizes_of(spec);
  if (!sizes) return std::unexpected(sizes.error());
  auto device = dm::find(names.device);
  if (!device) return std::unexpected(device.error());
  if (*device && (*device)->uuid == names.uuid) {
    auto right = is_right(**device, spec, names, *sizes, handles);
    if (!right) return std::unexpected(right.error());
    if (*right) {
      handles.dm_name = names.device;
      handles.dm_device = dm::node_of(names.device);
      BANGER_TRY(note(handles));
      return check_node(names.device);
    }
  }
  BANGER_TRY(remove_device(names, Clock::now()));
  return make(spec, names, *sizes, handles, note);
}

Status remove_snapshot(StoreId store, VmId vm, std::chrono::milliseconds patience) {
  const SnapshotNames names = snapshot_names(store, vm);
  const auto until = Clock::now() + patience;
  host::JoinedErrors errors;
  const Status device = remove_device(names, until);
  errors.add(device);
  errors.add(detach_own(names, device.has_value(), until));
  const std::lock_guard lock(making());
  errors.add(detach_unused_base(names));
  return errors.status();
}

SnapshotStatus parse_snapshot_status(const std::string& params) {
  if (params == "Invalid" || params == "Merge failed") return {.health = StoreHealth::kInvalid};
  if (params == "Overflow") return {.health = StoreHealth::kFull};
  SnapshotStatus status;
  const char* at = params.data();
  const char* end = at + params.size();
  auto number = [&](char before, std::uint64_t& into) {
    if (before != '\0' && (at == end || *at++ != before)) return false;
    auto [next, error] = std::from_chars(at, end, into);
    at = next;
    return error == std::errc();
  };
  if (!number('\0', status.used_sectors) || !number('/', status.total_sectors) ||
      !number(' ', status.metadata_sectors) || at != end) {
    return {};
  }
  status.health = StoreHealth::kGood;
  return status;
}

Result<SnapshotStatus> snapshot_status(StoreId store, VmId vm) { return status_of(snapshot_names(store, vm).device); }

Result<std::vector<OwnSnapshot>> list_snapshots(StoreId store) {
  auto devices = dm::list("BANGER-" + store.hex() + "-");
  if (!devices) return std::unexpected(devices.error());
  std::vector<OwnSnapshot> own;
  for (dm::Device& device : *devices) {
    if (VmId vm = vm_of_uuid(store, device.uuid)) own.push_back({vm, std::move(device)});
  }
  return own;
}

std::uint64_t cow_bytes_for(std::uint64_t base_bytes) {
  // A header; then areas, each a chunk of metadata with 16 bytes for each of the chunks behind it. One more: the
  // kernel asks for room for the next chunk before it takes one.
  constexpr std::uint64_t kChunksAnArea = kChunkBytes / 16;
  const std::uint64_t chunks = (base_bytes + kChunkBytes - 1) / kChunkBytes;
  const std::uint64_t areas = chunks / kChunksAnArea + 1;
  return (1 + areas + chunks + 1) * kChunkBytes;
}

std::vector<dm::Target> snapshot_table(std::uint64_t base_sectors, std::uint64_t disk_sectors, dev_t base, dev_t cow,
                                       dev_t rest) {
  std::vector<dm::Target> table = {{0, base_sectors, "snapshot",
                                    numbers_of(base) + " " + numbers_of(cow) + " PO " + std::to_string(kChunkSectors)}};
  if (disk_sectors > base_sectors) {
    table.push_back({base_sectors, disk_sectors - base_sectors, "linear", numbers_of(rest) + " 0"});
  }
  return table;
}

}  // namespace banger::disk
