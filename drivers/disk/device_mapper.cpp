#include "drivers/disk/device_mapper.h"

#include <fcntl.h>
#include <libdevmapper.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>

#include "drivers/uv/fd.h"

namespace banger::disk::dm {
namespace {

constexpr std::size_t kMostDevices = 65'536;
constexpr std::uint16_t kUdevFlags = DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | DM_UDEV_DISABLE_DISK_RULES_FLAG |
                                     DM_UDEV_DISABLE_OTHER_RULES_FLAG;

std::string last_complaint;  // guarded by the one Session that there is

__attribute__((format(printf, 5, 6))) void hear(int level, const char*, int, int, const char* format, ...) {
  constexpr int kLevels = 7;  // the other bits say where libdevmapper would have printed it
  constexpr int kError = 3;
  if ((level & kLevels) > kError) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  last_complaint = text;
}

// The right to call libdevmapper. Its end leaves no descriptor of the control node open, which would not have
// O_CLOEXEC, and has the nodes made or removed that are still to be.
class Session {
 public:
  Session() : lock_(mutex()) {
    static const bool once = [] {
      ::dm_log_with_errno_init(hear);
      ::dm_udev_set_sync_support(0);
      ::dm_udev_set_checking(0);
      return true;
    }();
    (void)once;
    last_complaint.clear();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { ::dm_lib_release(); }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  std::lock_guard<std::mutex> lock_;
};

struct DestroyTask {
  void operator()(dm_task* task) const { ::dm_task_destroy(task); }
};
using Task = std::unique_ptr<dm_task, DestroyTask>;

std::unexpected<Error> failed(const std::string& what, int error) {
  const std::string why = last_complaint.empty() ? "" : " (" + last_complaint + ")";
  if (error == 0) return fail(what + ": refused" + why);
  auto failure = fail_errno(what, error);
  failure.error().message += why;
  return failure;
}

Result<Task> task_of(int type, const std::string& name) {
  Task task(::dm_task_create(type));
  if (!task || (!name.empty() && ::dm_task_set_name(task.get(), name.c_str()) == 0)) {
    return failed("prepare a call of device-mapper for " + name, 0);
  }
  return task;
}

Status run(const Task& task, const std::string& what) {
  if (::dm_task_run(task.get()) != 0) return {};
  return failed(what, ::dm_task_get_errno(task.get()));
}

Result<Task> ran(int type, const std::string& name, const std::string& what) {
  auto task = task_of(type, name);
  if (!task) return task;
  BANGER_TRY(run(*task, what));
  return task;
}

std::vector<Target> targets_of(const Task& task) {
  std::vector<Target> targets;
  void* next = nullptr;
  do {
    Target target;
    char* type = nullptr;
    char* params = nullptr;
    next = ::dm_get_next_target(task.get(), next, &target.start, &target.length, &type, &params);
    if (!type) break;
    target.type = type;
    target.params = params ? params : "";
    targets.push_back(std::move(target));
  } while (next);
  return targets;
}

// What the kernel says of one device; nothing where there is none (any more).
Result<std::optional<Device>> describe(const std::string& name) {
  auto asked = ran(DM_DEVICE_INFO, name, "look at device-mapper's " + name);
  if (!asked) return std::unexpected(asked.error());
  dm_info info{};
  if (::dm_task_get_info(asked->get(), &info) == 0) return failed("look at " + name, 0);
  if (info.exists == 0) return std::nullopt;
  Device device{.name = name,
                .device = makedev(info.major, info.minor),
                .open_count = info.open_count,
                .active = info.live_table != 0 && info.suspended == 0};
  if (const char* uuid = ::dm_task_get_uuid(asked->get())) device.uuid = uuid;
  auto table = ran(DM_DEVICE_TABLE, name, "read the table of " + name);
  auto uses = table ? ran(DM_DEVICE_DEPS, name, "read what " + name + " needs") : std::unexpected(table.error());
  if (!uses && uses.error().sys_errno == ENXIO) return std::nullopt;
  if (!uses) return std::unexpected(uses.error());
  device.table = targets_of(*table);
  if (const dm_deps* deps = ::dm_task_get_deps(uses->get())) {
    for (std::uint32_t i = 0; i < deps->count; ++i) device.uses.push_back(static_cast<dev_t>(deps->device[i]));
  }
  return device;
}

Result<std::vector<std::string>> names() {
  auto asked = ran(DM_DEVICE_LIST, "", "list the devices of device-mapper");
  if (!asked) return std::unexpected(asked.error());
  std::vector<std::string> found;
  const dm_names* each = ::dm_task_get_names(asked->get());
  if (!each || each->dev == 0) return found;
  while (found.size() < kMostDevices) {
    found.emplace_back(each->name);
    if (each->next == 0) return found;
    each = reinterpret_cast<const dm_names*>(reinterpret_cast<const char*>(each) + each->next);
  }
  return fail("device-mapper has more devices than banger reads");
}

// Opening the control node loads the driver where it is a module. Asked before libdevmapper, which would make
// nodes for a driver that is not there.
bool has_driver() {
  std::ifstream misc("/proc/misc");
  for (std::string line; std::getline(misc, line);) {
    if (line.ends_with(" device-mapper")) return true;
  }
  return static_cast<bool>(Fd(::open("/dev/mapper/control", O_RDWR | O_CLOEXEC)));
}

Status check_driver() {
  if (!has_driver()) return fail("this kernel has no device-mapper", ENODEV);
  return {};
}

}  // namespace

Status usable(const std::string& target_type) {
  if (::geteuid() != 0) return fail("device-mapper takes root", EPERM);
  BANGER_TRY(check_driver());
  const Session session;
  auto asked = task_of(DM_DEVICE_GET_TARGET_VERSION, target_type);
  if (!asked) return std::unexpected(asked.error());
  return run(*asked, "find device-mapper's target " + target_type);
}

Result<std::optional<Device>> find(const std::string& name) {
  BANGER_TRY(check_driver());
  const Session session;
  return describe(name);
}

Result<std::vector<Device>> list(const std::string& uuid_prefix) {
  BANGER_TRY(check_driver());
  const Session session;
  auto all = names();
  if (!all) return std::unexpected(all.error());
  std::vector<Device> found;
  for (const std::string& name : *all) {
    auto device = describe(name);
    if (!device) return std::unexpected(device.error());
    if (*device && (*device)->uuid.starts_with(uuid_prefix)) found.push_back(std::move(**device));
  }
  return found;
}

Result<std::vector<std::string>> uuids() {
  BANGER_TRY(check_driver());
  const Session session;
  auto all = names();
  if (!all) return std::unexpected(all.error());
  std::vector<std::string> found;
  for (const std::string& name : *all) {
    auto asked = ran(DM_DEVICE_INFO, name, "look at device-mapper's " + name);
    if (!asked) return std::unexpected(asked.error());
    dm_info info{};
    const bool there = ::dm_task_get_info(asked->get(), &info) != 0 && info.exists != 0;
    const char* uuid = there ? ::dm_task_get_uuid(asked->get()) : nullptr;
    if (uuid != nullptr && *uuid != '\0') found.emplace_back(uuid);
  }
  return found;
}

Status create(const std::string& name, const std::string& uuid, const std::vector<Target>& table) {
  BANGER_TRY(check_driver());
  const Session session;
  auto task = task_of(DM_DEVICE_CREATE, name);
  if (!task) return std::unexpected(task.error());
  std::uint32_t cookie = 0;
  bool prepared = ::dm_task_set_uuid(task->get(), uuid.c_str()) != 0 &&
                  ::dm_task_set_mode(task->get(), 0600) != 0 &&
                  ::dm_task_set_add_node(task->get(), DM_ADD_NODE_ON_CREATE) != 0 &&
                  ::dm_task_set_cookie(task->get(), &cookie, kUdevFlags) != 0;
  for (const Target& target : table) {
    prepared = prepared && ::dm_task_add_target(task->get(), target.start, target.length, target.type.c_str(),
                                                target.params.c_str()) != 0;
  }
  if (!prepared) return failed("prepare " + name, 0);
  return run(*task, "make device-mapper's " + name);
}

Status remove(const std::string& name) {
  BANGER_TRY(check_driver());
  const Session session;
  auto task = task_of(DM_DEVICE_REMOVE, name);
  if (!task) return std::unexpected(task.error());
  std::uint32_t cookie = 0;
  if (::dm_task_set_cookie(task->get(), &cookie, kUdevFlags) == 0) return failed("prepare to remove " + name, 0);
  return run(*task, "remove device-mapper's " + name);
}

Result<std::vector<Target>> status(const std::string& name) {
  BANGER_TRY(check_driver());
  const Session session;
  auto asked = ran(DM_DEVICE_STATUS, name, "read the status of " + name);
  if (!asked) return std::unexpected(asked.error());
  return targets_of(*asked);
}

std::string node_of(const std::string& name) { return std::string(::dm_dir()) + "/" + name; }

}  // namespace banger::disk::dm
