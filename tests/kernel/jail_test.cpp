// The jails of Firecrackers as a kernel knows them: whose what is in a chroot, what is a link and what a node, what is left
// of one; and that a process in one is seen as its VM's. Takes root, and users who own nothing (boot.sh).
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <set>

#include "drivers/effects/firecracker/jail_steps.h"
#include "drivers/observe/native.h"
#include "drivers/observe/process.h"
#include "drivers/vmm/console.h"
#include "tests/kernel/support.h"

using namespace banger;
using namespace banger::test;
using namespace banger::effects;
using vmm::firecracker::FirecrackerSpec;
using vmm::firecracker::Jail;
namespace fs = std::filesystem;

namespace {

constexpr VmId kVm{0xa1};
constexpr VmId kOther{0xa2};

struct stat look(const std::string& path) {
  struct stat info {};
  INFO(path);
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info;
}

mode_t mode_of(const struct stat& info) { return info.st_mode & 07777; }

// What a VM's files are before it is put into a jail.
class Host {
 public:
  Host() {
    config.layout.data_dir = dir_.path();
    config.jailer = "/sbin/jailer";
    config.firecracker_program = dir_ / "firecracker-v1";
    config.first_jail_uid = 200'000;
    config.jail_uids = 4;
    fs::copy_file("/bin/busybox", config.firecracker_program);
    write("vmlinux", 0444);
    write("rootfs", 0600);
    write("seed", 0600);
    for (const char* pipe : {"log", "metrics"}) Fd reader(must(vmm::open_console(dir_ / pipe)));
  }

  [[nodiscard]] FirecrackerSpec spec(VmId vm, std::uint32_t incarnation = 1) const {
    FirecrackerSpec spec{.vm = vm, .incarnation = incarnation};
    spec.kernel = dir_ / "vmlinux";
    spec.disk = dir_ / "rootfs";
    spec.seed = dir_ / "seed";
    spec.log = dir_ / "log";
    spec.metrics = dir_ / "metrics";
    return spec;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return dir_ / name; }

  HostConfig config;

 private:
  void write(const std::string& name, mode_t mode) const {
    std::ofstream(dir_ / name) << name;
    REQUIRE(::chmod((dir_ / name).c_str(), mode) == 0);
  }

  TempDir dir_;
};

}  // namespace

TEST_CASE("a jail holds what its VM needs, as its user may use it, and nothing else") {
  Host host;
  const Jail jail = must(make_jail(host.config, host.spec(kVm)));
  CHECK(jail.root == jail_root(host.config.layout, "firecracker-v1", vmm_name({kVm, 1})));
  CHECK(jail.uid >= 200'000);
  CHECK(jail.uid < 200'004);
  for (const std::string& dir : {jail.root, jail.root + "/run"}) {
    CHECK(look(dir).st_uid == jail.uid);
    CHECK(mode_of(look(dir)) == 0700);
  }
  CHECK(look(host.config.layout.jails_dir()).st_uid == 0);
  CHECK(mode_of(look(host.config.layout.jails_dir())) == 0700);

  const struct stat kernel = look(jail.root + "/kernel");
  CHECK(kernel.st_ino == look(host.path("vmlinux")).st_ino);
  CHECK(kernel.st_uid == 0);
  CHECK(mode_of(kernel) == 0444);
  const struct stat seed = look(jail.root + "/seed");
  CHECK(seed.st_ino == look(host.path("seed")).st_ino);
  CHECK(seed.st_uid == 0);
  CHECK(seed.st_gid == jail.gid);
  CHECK(mode_of(seed) == 0440);
  for (const char* name : {"/disk", "/run/log", "/run/metrics"}) {
    CHECK(look(jail.root + name).st_uid == jail.uid);
    CHECK(mode_of(look(jail.root + name)) == 0600);
  }
  CHECK(S_ISFIFO(look(jail.root + "/run/log").st_mode));
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& each : fs::recursive_directory_iterator(jail.root)) ++entries;
  CHECK(entries == jail.entries.size() + 1);  // run/
  must(remove_jails(host.config.layout, kVm));
  CHECK_FALSE(fs::exists(jail.root));
  for (const char* name : {"vmlinux", "rootfs", "seed", "log", "metrics"}) {
    CHECK(look(host.path(name)).st_nlink == 1);
  }
}

TEST_CASE("a disk that is a device is a node of the same device, which its user may write to") {
  Host host;
  FirecrackerSpec spec = host.spec(kVm);
  spec.disk = "/dev/loop0";
  const Jail jail = must(make_jail(host.config, spec));
  const struct stat node = look(jail.root + "/disk");
  CHECK(S_ISBLK(node.st_mode));
  CHECK(node.st_rdev == look("/dev/loop0").st_rdev);
  CHECK(node.st_uid == jail.uid);
  CHECK(look("/dev/loop0").st_uid == 0);
  must(remove_jails(host.config.layout, kVm));
  CHECK(S_ISBLK(look("/dev/loop0").st_mode));
}

TEST_CASE("each VM has a user of its own, and a start's jail takes the place of the one before") {
  Host host;
  const Jail first = must(make_jail(host.config, host.spec(kVm)));
  std::set<std::uint32_t> users{first.uid};
  for (std::uint64_t vm : {0xa2, 0xa5, 0xa9}) users.insert(must(make_jail(host.config, host.spec(VmId{vm}))).uid);
  CHECK(users.size() == 4);
  CHECK(make_jail(host.config, host.spec(VmId{0xaa})).error().message.contains("all 4 users are taken"));

  const Jail second = must(make_jail(host.config, host.spec(kVm, 2)));
  CHECK(second.uid == first.uid);
  CHECK_FALSE(fs::exists(fs::path(first.root).parent_path()));
  must(remove_jails(host.config.layout, kVm));
  must(remove_jails(host.config.layout, kVm));
  CHECK_FALSE(fs::exists(second.root));
  CHECK(fs::exists(jail_root(host.config.layout, "firecracker-v1", vmm_name({kOther, 1}))));
}

TEST_CASE("a jail that cannot be made leaves nothing") {
  Host host;
  FirecrackerSpec spec = host.spec(kVm);
  spec.seed = host.path("none");
  CHECK(make_jail(host.config, spec).error().sys_errno == ENOENT);
  CHECK_FALSE(fs::exists(jail_root(host.config.layout, "firecracker-v1", vmm_name({kVm, 1}))));
}

TEST_CASE("a jail's cgroup goes with it") {
  REQUIRE(::mount("none", "/sys/fs/cgroup", "cgroup2", 0, nullptr) == 0);
  Host host;
  const Jail jail = must(make_jail(host.config, host.spec(kVm)));
  const std::string cgroup = "/sys/fs/cgroup/" + jail.cgroup;
  REQUIRE(fs::create_directories(cgroup));  // as the jailer does
  must(remove_jails(host.config.layout, kVm));
  CHECK_FALSE(fs::exists(cgroup));
  fs::remove(fs::path(cgroup).parent_path());
  REQUIRE(::umount("/sys/fs/cgroup") == 0);
}

TEST_CASE("a process in a jail is seen as its VM's, and one that only says so is not") {
  Host host;
  const Jail jail = must(make_jail(host.config, host.spec(kVm)));
  const std::string program = "/firecracker-v1";
  fs::copy_file("/bin/busybox", jail.root + program);
  const bool inside = GENERATE(true, false);
  // A shell that waits until its stdin ends, with a jailed Firecracker's words behind.
  int wait[2];
  REQUIRE(::pipe2(wait, O_CLOEXEC) == 0);
  const std::string name = vmm_name({kVm, 1});
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (inside && (::chroot(jail.root.c_str()) != 0 || ::chdir("/") != 0)) ::_exit(1);
    if (::dup2(wait[0], 0) < 0) ::_exit(1);
    if (inside && (::setgid(jail.gid) != 0 || ::setuid(jail.uid) != 0)) ::_exit(1);
    const std::string path = inside ? program : host.config.firecracker_program;
    ::execl(path.c_str(), "sh", "-c", "read word", "--id", name.c_str(), "--api-sock", "run/api.sock", nullptr);
    ::_exit(1);
  }
  const BootId boot = must(observe::boot_id());
  const auto seen = [&] { return observe::observe_native({.layout = host.config.layout, .boot = boot}).seen.vmms; };
  const std::string cmdline = "/proc/" + std::to_string(child) + "/cmdline";
  while (!must(observe::read_at(AT_FDCWD, cmdline.c_str(), 4096)).starts_with("sh")) {  // until it has been executed
    REQUIRE(::waitpid(child, nullptr, WNOHANG) == 0);
  }
  if (inside) {
    REQUIRE(seen().contains(kVm));
    const auto vmms = seen().at(kVm);
    REQUIRE(vmms.size() == 1);
    CHECK(vmms[0].process.pid == child);
    CHECK(vmms[0].incarnation == 1);
    CHECK(vmms[0].kind == VmmKind::kFirecracker);
    CHECK(vmms[0].jail == jail.root);
  } else {
    CHECK(seen().empty());
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(wait[0]);
  ::close(wait[1]);
  must(remove_jails(host.config.layout, kVm));
}
