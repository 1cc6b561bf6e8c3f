#include "drivers/effects/firecracker/jail_steps.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "drivers/host/child.h"
#include "drivers/host/joined.h"

namespace banger::effects {
namespace {

namespace fc = vmm::firecracker;
namespace fs = std::filesystem;

constexpr const char* kCgroups = "/sys/fs/cgroup/";
constexpr const char* kParentCgroup = "banger";

struct JailSighting {
  std::string dir;   // above the chroot
  std::string name;  // vmm_name()
};

// BASE/PROGRAM/NAME, for all programs: the configuration may have named another one before.
Result<std::vector<JailSighting>> list_jails(const Layout& layout) {
  std::vector<JailSighting> jails;
  std::error_code error;
  for (const auto& program : fs::directory_iterator(layout.jails_dir(), error)) {
    for (const auto& jail : fs::directory_iterator(program.path(), error)) {
      if (parse_vmm_name(jail.path().filename().string())) {
        jails.push_back({jail.path(), jail.path().filename()});
      }
    }
    if (error) break;
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno("list " + layout.jails_dir(), error.value());
  }
  return jails;
}

Result<std::set<std::uint32_t>> taken_uids(const Layout& layout) {
  auto jails = list_jails(layout);
  if (!jails) return std::unexpected(jails.error());
  std::set<std::uint32_t> taken;
  for (const JailSighting& jail : *jails) {
    struct stat info {};
    if (::stat((jail.dir + "/root").c_str(), &info) == 0) taken.insert(info.st_uid);
  }
  return taken;
}

// Its own path, as the jailer finds it.
Result<std::string> resolved_program(const std::string& name) {
  auto found = host::find_program(name);
  if (!found) return found;
  const std::unique_ptr<char, decltype(&std::free)> path(::realpath(found->c_str(), nullptr), std::free);
  if (!path) return fail_errno(*found, errno);
  return std::string(path.get());
}

Status give(const std::string& path, std::uint32_t uid, std::uint32_t gid, mode_t mode) {
  if (::chown(path.c_str(), uid, gid) != 0) return fail_errno("give " + path + " to a jail's user", errno);
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path, errno);
  return {};
}

Status enter(const fc::Jail& jail, const fc::JailEntry& entry) {
  const std::string inside = jail.root + "/" + entry.inside;
  struct stat info {};
  if (::stat(entry.host.c_str(), &info) != 0) return fail_errno("look at " + entry.host, errno);
  if (entry.how == fc::JailEntry::How::kDeviceNode) {
    if (::mknod(inside.c_str(), S_IFBLK | 0600, info.st_rdev) != 0) return fail_errno("make " + inside, errno);
  } else if (::link(entry.host.c_str(), inside.c_str()) != 0) {
    return fail_errno("link " + inside, errno);
  }
  if (entry.writable) return give(inside, jail.uid, jail.gid, 0600);
  // Of a link this is the original's owner, too: root keeps it, and only the jail's group may read it.
  const bool readable = (info.st_mode & S_IROTH) != 0 && entry.how == fc::JailEntry::How::kHardLink;
  return readable ? Status{} : give(inside, 0, jail.gid, 0440);
}

Status fill(const Layout& layout, const fc::Jail& jail) {
  // The jails are root's, who alone passes there; each chroot is its user's.
  std::error_code error;
  fs::create_directories(jail.root + "/run", error);
  if (error) return fail_errno("make " + jail.root, error.value());
  if (::chmod(layout.jails_dir().c_str(), 0700) != 0) return fail_errno("chmod " + layout.jails_dir(), errno);
  for (const std::string& dir : {jail.root, jail.root + "/run"}) BANGER_TRY(give(dir, jail.uid, jail.gid, 0700));
  for (const fc::JailEntry& entry : jail.entries) BANGER_TRY(enter(jail, entry));
  return {};
}

}  // namespace

Result<fc::Jail> make_jail(const HostConfig& config, const fc::FirecrackerSpec& spec) {
  if (::geteuid() != 0) return fail("a jail takes root: run the daemon as root, or leave vmm.jailer out", EPERM);
  BANGER_TRY(remove_jails(config.layout, spec.vm));
  auto program = resolved_program(config.firecracker_program);
  if (!program) return std::unexpected(program.error());
  const fc::JailConfig limits{.jailer = config.jailer,
                              .program = *program,
                              .base = config.layout.jails_dir(),
                              .first_uid = config.first_jail_uid,
                              .uid_count = config.jail_uids,
                              .gid = config.first_jail_uid,
                              .parent_cgroup = kParentCgroup};
  auto taken = taken_uids(config.layout);
  if (!taken) return std::unexpected(taken.error());
  auto uid = fc::jail_uid(limits, spec.vm, *taken);
  if (!uid) return std::unexpected(uid.error());
  struct stat disk {};
  if (::stat(spec.disk.c_str(), &disk) != 0) return fail_errno("look at " + spec.disk, errno);
  auto jail = fc::jail_of(limits, spec, S_ISBLK(disk.st_mode), *uid);
  if (!jail) return jail;
  if (auto filled = fill(config.layout, *jail); !filled) {
    host::JoinedErrors errors;
    errors.add(filled);
    errors.add(remove_jails(config.layout, spec.vm));
    return std::unexpected(errors.status().error());
  }
  return jail;
}

Status remove_jails(const Layout& layout, VmId vm) {
  auto jails = list_jails(layout);
  if (!jails) return std::unexpected(jails.error());
  host::JoinedErrors errors;
  for (const JailSighting& jail : *jails) {
    if (parse_vmm_name(jail.name)->vm != vm) continue;
    const std::string cgroup = kCgroups + std::string(kParentCgroup) + "/" + jail.name;
    if (::rmdir(cgroup.c_str()) != 0 && errno != ENOENT) errors.add(fail_errno("remove " + cgroup, errno));
    std::error_code error;
    fs::remove_all(jail.dir, error);
    if (error) errors.add(fail_errno("remove " + jail.dir, error.value()));
  }
  return errors.status();
}

}  // namespace banger::effects
