#include "drivers/observe/native.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "drivers/observe/process.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/support/child.h"

namespace banger::observe {
namespace {

namespace fs = std::filesystem;
using test::Child;
using test::TempDir;

constexpr VmId kVm{0xabc};
constexpr BootId kBoot{1, 2};
constexpr std::string_view kQemu = "/usr/bin/qemu-system-x86_64";

// A made-up /proc, in which we ourselves are there.
struct Host {
  TempDir dir;
  Layout layout{dir / "data"};
  Where where{.proc = dir / "proc"};

  Host() {
    fs::create_directories(layout.vms_dir());
    fs::create_directories(layout.images_dir());
    fs::create_directories(where.proc + "/" + std::to_string(::getpid()));
  }

  std::string socket(VmId vm = kVm) const { return vm_paths(layout, vm).api_socket; }
  std::string qmp(VmId vm = kVm) const { return "unix:" + socket(vm) + ",server=on,wait=off"; }

  std::string at(int pid, const char* file) const {
    return where.proc + "/" + std::to_string(pid) + "/" + file;
  }

  void add(int pid, const std::vector<std::string>& argv, std::string_view exe = kQemu,
           std::uint64_t start = 100, uid_t uid = ::geteuid(), char state = 'S') const {
    fs::create_directories(where.proc + "/" + std::to_string(pid));
    std::ofstream cmdline(at(pid, "cmdline"));
    for (const auto& word : argv) cmdline << word << '\0';
    fs::create_symlink(exe, at(pid, "exe"));
    std::ofstream(at(pid, "status"))
        << "Name:\tqemu\nUmask:\t0022\nUid:\t0\t" << uid << "\t0\t0\nGid:\t0\n";
    std::ofstream(at(pid, "stat"))
        << pid << " (qemu) ) (x) " << state << " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
        << start << " 20 21 22\n";
  }

  Observation look() const { return observe_native({.layout = layout, .boot = kBoot, .where = where}).seen; }
  std::size_t sightings() const {
    Observation seen = look();
    REQUIRE(seen.processes_known);
    std::size_t count = 0;
    for (const auto& [vm, all] : seen.vmms) count += all.size();
    return count;
  }
};

TEST_CASE("a VMM is seen by its API socket, with the incarnation that its name tells") {
  Host host;
  host.add(70, {"qemu-system-x86_64", "-name", vmm_name({kVm, 3}), "-qmp", host.qmp()}, kQemu,
           4711);
  Observation seen = host.look();
  REQUIRE(seen.processes_known);
  REQUIRE(seen.vmms.size() == 1);
  CHECK(seen.vmms[kVm] == std::vector{VmmSighting{{kBoot, 70, 4711}, 3}});
}

TEST_CASE("the name may come after the socket, and Firecracker's flags do as well") {
  Host host;
  host.add(70, {"firecracker", "--api-sock", host.socket(), "--id", vmm_name({kVm, 12})},
           "/opt/fc/firecracker (deleted)");
  CHECK(host.look().vmms[kVm] ==
        std::vector{VmmSighting{{kBoot, 70, 100}, 12, VmmKind::kFirecracker, ""}});
}

TEST_CASE("a jailed Firecracker is seen by its root directory, whoever it runs as") {
  Host host;
  const std::string jail = jail_root(host.layout, "firecracker-v1", vmm_name({kVm, 4}));
  const std::string other = jail_root(host.layout, "firecracker-v1", vmm_name({kVm, 5}));
  for (const std::string& each : {jail, other}) fs::create_directories(each);
  const std::vector<std::string> argv{"firecracker-v1", "--id", vmm_name({kVm, 4}), "--api-sock",
                                      "run/api.sock"};
  host.add(70, argv, "/firecracker-v1", 100, ::geteuid() + 7);
  SECTION("its own jail") {
    fs::create_directory_symlink(jail, host.at(70, "root"));
    CHECK(host.look().vmms[kVm] ==
          std::vector{VmmSighting{{kBoot, 70, 100}, 4, VmmKind::kFirecracker, jail}});
  }
  SECTION("another start's jail") {
    fs::create_directory_symlink(other, host.at(70, "root"));
    CHECK(host.sightings() == 0);
  }
  SECTION("no jail at all") {
    fs::create_directory_symlink("/", host.at(70, "root"));
    CHECK(host.sightings() == 0);
  }
  SECTION("one that may not be looked into") { CHECK(host.sightings() == 0); }
  SECTION("another program's jail") {
    fs::remove(host.at(70, "exe"));
    fs::create_symlink("/something", host.at(70, "exe"));
    fs::create_directory_symlink(jail, host.at(70, "root"));
    CHECK(host.sightings() == 0);
  }
  CHECK(host.look().disturbed.empty());
}

TEST_CASE("a name that is not there, is another VM's or is malformed tells no incarnation") {
  Host host;
  std::string name = GENERATE("guest", "banger-0000000000000abc", "banger-0000000000000abc-",
                              "banger-0000000000000abc-0", "banger-0000000000000abc-007",
                              "banger-0000000000000abc-4294967296", "banger-0000000000000abc-1x",
                              "banger-0000000000000abd-1", "banger-0000000000000ABC-1");
  host.add(70, {"qemu-system-x86_64", "-name", name, "-qmp", host.qmp()});
  CHECK(host.look().vmms[kVm] == std::vector{VmmSighting{{kBoot, 70, 100}, 0}});
}

TEST_CASE("what merely mentions the socket is not a VMM") {
  Host host;
  std::string path = host.socket();
  struct Innocent {
    std::vector<std::string> argv;
    std::string_view exe;
  };
  const Innocent innocents[] = {
      {{"grep", path}, "/usr/bin/grep"},
      {{"less", "-qmp", path}, "/usr/bin/less"},
      {{"grep", "-qmp", host.qmp()}, "/usr/bin/grep"},
      {{"qemu-system-x86_64", path}, kQemu},
      {{"qemu-system-x86_64", "-kernel", path}, kQemu},
      {{"qemu-system-x86_64", "-qmp", "unix:" + path + ".old,server=on"}, kQemu},
      {{"qemu-system-x86_64", "-qmp", "unix:" + path + ",,server=on"}, kQemu},
      {{"qemu-system-x86_64", "-qmp", "unix:/elsewhere" + path + ",server=on"}, kQemu},
      {{"qemu-system-x86_64", "-qmp", "tcp:" + path}, kQemu},
      {{"qemu-system-x86_64", "-append", "-qmp unix:" + path}, kQemu},
      {{"bangerd", "-qmp", host.qmp()}, "/usr/bin/bangerd"},
      {{"qemu-system-x86_64", "-qmp", host.qmp()}, "/usr/bin/not-qemu-system-x86_64"},
      {{"qemu-system-x86_64", "-qmp"}, kQemu},
      {{}, kQemu},
  };
  int pid = 70;
  for (const auto& each : innocents) host.add(pid++, each.argv, each.exe);
  CHECK(host.sightings() == 0);
  CHECK(host.look().disturbed.empty());
}

TEST_CASE("another user's process is not ours, nor is a zombie alive") {
  Host host;
  host.add(70, {"q", "-qmp", host.qmp()}, kQemu, 100, ::geteuid() + 1);
  host.add(71, {"q", "-qmp", host.qmp()}, kQemu, 100, ::geteuid(), 'Z');
  host.add(72, {"q", "-qmp", host.qmp()}, kQemu, 100, ::geteuid(), 'X');
  CHECK(host.sightings() == 0);
  CHECK(host.look().disturbed.empty());
}

TEST_CASE("we do not see ourselves, and a /proc without us is no /proc") {
  Host host;
  std::string self = host.where.proc + "/" + std::to_string(::getpid());
  fs::remove(self);
  CHECK_FALSE(host.look().processes_known);
  host.add(::getpid(), {"q", "-qmp", host.qmp()});
  CHECK(host.sightings() == 0);
  fs::remove_all(host.where.proc);
  CHECK_FALSE(host.look().processes_known);
  CHECK(host.look().directories_known);
}

TEST_CASE("several processes of one VM come oldest first, whatever their pids") {
  Host host;
  host.add(70, {"q", "-qmp", host.qmp()}, kQemu, 900);
  host.add(600, {"q", "-qmp", host.qmp()}, kQemu, 200);
  host.add(71, {"q", "-qmp", host.qmp()}, kQemu, 900);
  host.add(5, {"q", "-qmp", host.qmp(VmId{1})}, kQemu, 300);
  Observation seen = host.look();
  REQUIRE(seen.vmms.size() == 2);
  std::vector<int> pids;
  for (const auto& each : seen.vmms[kVm]) pids.push_back(each.process.pid);
  CHECK(pids == std::vector{600, 70, 71});
}

TEST_CASE("a process that ends while we look is no failure of the look") {
  Host host;
  host.add(70, {"q", "-qmp", host.qmp()});
  fs::remove(host.at(70, GENERATE("cmdline", "status", "exe", "stat")));
  CHECK(host.sightings() == 0);
  CHECK(host.look().disturbed.empty());
}

TEST_CASE("proof that reads as nonsense makes the VM unknown, and only that one") {
  Host host;
  host.add(70, {"q", "-qmp", host.qmp()});
  host.add(71, {"q", "-qmp", host.qmp(VmId{1})});
  std::ofstream(host.at(70, GENERATE("status", "stat"))) << "70 (x";
  Observation seen = host.look();
  CHECK(seen.processes_known);
  CHECK(seen.disturbed == std::set{kVm});
  CHECK(seen.vmms.contains(VmId{1}));
  CHECK_FALSE(seen.vmms.contains(kVm));
}

TEST_CASE("a read that fails for want of something makes the whole look unknown") {
  Host host;
  host.add(70, {"q", "-qmp", host.qmp()});
  host.add(71, {"q", "-qmp", host.qmp(VmId{1})});
  fs::remove(host.at(71, "cmdline"));
  fs::create_directory(host.at(71, "cmdline"));  // EISDIR stands for EIO, EMFILE and the like
  Observation seen = host.look();
  CHECK_FALSE(seen.processes_known);
  CHECK(seen.vmms.empty());
}

TEST_CASE("an argv without end is read no further than it may be") {
  Host host;
  host.add(70, {"q", std::string(64 * 1024, 'x'), "-qmp", host.qmp()});
  host.add(71, {"q", "-qmp", host.qmp(), std::string(1 << 20, 'x')});
  CHECK(host.look().vmms[kVm].size() == 1);
}

TEST_CASE("a comma in the data directory's name is no end of the path") {
  Host host;
  host.layout.data_dir = host.dir / "a,b,,c";
  std::string escaped = host.dir / "a,,b,,,,c/vms/" + kVm.hex() + "/api.sock";
  host.add(70, {"q", "-qmp", "unix:" + escaped + ",server=on,wait=off"});
  CHECK(host.sightings() == 1);
}

TEST_CASE("entries of /proc that are no processes are passed over") {
  Host host;
  for (const char* name : {"self", "7x", "-7", "99999999999999999999", "sys"}) {
    fs::create_directories(host.where.proc + "/" + name);
  }
  CHECK(host.sightings() == 0);
}

TEST_CASE("directories named by an id are seen, and nothing else") {
  Host host;
  for (const char* name :
       {"/0000000000000abc", "/notes", "/0000000000000000", "/0000000000000ABC"}) {
    fs::create_directories(host.layout.vms_dir() + name);
    fs::create_directories(host.layout.images_dir() + name);
  }
  std::ofstream(host.layout.vms_dir() + "/0000000000000001") << "a file";
  fs::create_directory_symlink("/", host.layout.vms_dir() + "/0000000000000002");
  Observation seen = host.look();
  CHECK(seen.directories_known);
  CHECK(seen.vm_directories == std::set{kVm});
  CHECK(seen.image_directories == std::set{ImageId{0xabc}});
}

TEST_CASE("directories that were never made are empty; one that cannot be read is unknown") {
  Host host;
  fs::remove(host.layout.images_dir());
  CHECK(host.look().directories_known);
  std::ofstream(host.layout.images_dir()) << "in its place";
  CHECK_FALSE(host.look().directories_known);
}

// ---- the real /proc ----

bool answers(const std::string& socket) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, socket.c_str(), socket.size());
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

TEST_CASE("a real process is seen until it ends, zombie or not, and grep never") {
  TempDir dir;
  Layout layout{dir / "data"};
  fs::create_directories(vm_paths(layout, kVm).dir);
  auto boot = boot_id();
  REQUIRE(boot);
  const Where where{.vmm_programs = {"banger-stub-vmm"}};
  const auto look = [&](const Where& there) {
    return observe_native({.layout = layout, .boot = *boot, .where = there}).seen;
  };
  std::string socket = vm_paths(layout, kVm).api_socket;
  Child vmm(STUB_VMM, {"qemu-system-x86_64", "-name", vmm_name({kVm, 2}), "-qmp",
                       "unix:" + socket + ",server=on,wait=off"});
  // An innocent one, with the path in its argv: it waits for a line that never comes.
  Child bystander("/bin/sleep", {"-qmp", "unix:" + socket + ",server=on", "60"});
  Child other(STUB_VMM, {"stub", "--max-seconds", "60", "--id", socket});

  // posix_spawn returns when exec has let go of our memory, a moment before argv is there: a VMM that answers has it.
  for (int looks = 0; !answers(socket) && looks < 2000; ++looks) ::poll(nullptr, 0, 5);
  Observation seen = look(where);
  REQUIRE(seen.processes_known);
  REQUIRE(seen.vmms.size() == 1);
  REQUIRE(seen.vmms[kVm].size() == 1);
  CHECK(seen.vmms[kVm][0].process == identity_of(vmm.pid(), *boot).value());
  CHECK(seen.vmms[kVm][0].incarnation == 2);
  CHECK(look({.vmm_programs = {STUB_VMM}}).vmms == seen.vmms);
  CHECK(look({}).vmms.empty());

  vmm.kill(SIGKILL);
  vmm.await_end();
  CHECK(look(where).vmms.empty());
  vmm.wait();
  CHECK(look(where).vmms.empty());
  CHECK_FALSE(answers(socket));
}

}  // namespace
}  // namespace banger::observe
