#include "tests/bench/observe/synthetic_host.h"

#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "drivers/observe/process.h"

namespace banger::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStrangers = 200;
constexpr std::int32_t kFirstPid = 5'000'000;  // more than any real one: none of them can be signalled by mistake
constexpr std::uint64_t kStartTicks = 4'711;

// What a microVM's QEMU has, more or less.
std::vector<std::string> qemu_argv(const Layout& layout, VmId vm) {
  const VmPaths paths = vm_paths(layout, vm);
  return {"qemu-system-x86_64", "-name", vmm_name({vm, 1}), "-M", "microvm,auto-kernel-cmdline=off", "-accel", "kvm", "-cpu",
          "host", "-m", "256M", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel",
          "/var/lib/banger/images/1/kernel", "-append", std::string(200, 'x'), "-drive", "file=" + paths.overlay,
          "-qmp", "unix:" + paths.api_socket + ",server=on,wait=off", "-pidfile", paths.pidfile};
}

}  // namespace

SyntheticHost::SyntheticHost(const std::string& dir, std::size_t vms) : dir_(dir + "/host") {
  spec_ = {.layout = {dir_ + "/data"}, .boot = {1, 1}, .where = {.proc = dir_ + "/proc"}};
  fs::create_directories(spec_.layout.vms_dir());
  fs::create_directories(spec_.layout.images_dir());
  // Ourselves; and what pgrep asks /proc about itself and the machine.
  add_process(::getpid(), {"banger-bench"}, "/usr/bin/banger-bench");
  fs::create_symlink(std::to_string(::getpid()), spec_.where.proc + "/self");
  for (const char* each : {"uptime", "version", "meminfo", "stat", "loadavg"}) {
    std::ofstream(spec_.where.proc + "/" + each) << std::ifstream(std::string("/proc/") + each).rdbuf();
  }
  std::int32_t pid = kFirstPid;
  for (std::size_t i = 0; i < kStrangers + vms / 10; ++i) {
    add_process(pid++, {"/usr/lib/systemd/some-daemon", "--of", "no interest"}, "/usr/lib/systemd/some-daemon");
  }
  for (std::uint64_t i = 1; i <= vms; ++i) {
    const VmId id{0xace'0000'0000 + i};
    fs::create_directories(vm_paths(spec_.layout, id).dir);
    add_process(pid++, qemu_argv(spec_.layout, id), "/usr/bin/qemu-system-x86_64");
    VmRuntime& vm = fleet_.vms[id];
    vm.id = id;
    vm.name = "vm" + std::to_string(i);
    vm.state = VmState::kRunning;
    vm.incarnation = 1;
    vm.ready = true;
  }
  rebuild_indexes(fleet_);
}

SyntheticHost::~SyntheticHost() {
  holder_.reset();
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

void SyntheticHost::add_process(std::int32_t pid, const std::vector<std::string>& argv, const std::string& program) const {
  const std::string at = spec_.where.proc + "/" + std::to_string(pid);
  fs::create_directories(at);
  std::ofstream cmdline(at + "/cmdline");
  for (const std::string& word : argv) cmdline << word << '\0';
  fs::create_symlink(program, at + "/exe");
  const std::string uid = std::to_string(::geteuid());
  std::ofstream(at + "/status") << "Name:\tx\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t" << pid << "\nPid:\t" << pid
                                << "\nPPid:\t1\nUid:\t" << uid << "\t" << uid << "\t" << uid << "\t" << uid
                                << "\nGid:\t0\t0\t0\t0\n";
  std::ofstream(at + "/stat") << pid << " (x) S 1 " << pid << " " << pid
                              << " 0 -1 4194304 100 0 0 0 1 1 0 0 20 0 1 0 " << kStartTicks
                              << " 1000000 100 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
}

Result<std::vector<std::string>> SyntheticHost::pgrep() {
  if (!holder_) {
    // A process that does nothing but keep the namespace; it ends by itself where we cannot end it.
    holder_ = std::make_unique<test::Child>(
        "/usr/bin/unshare", std::vector<std::string>{"unshare", "--mount", "--propagation", "private", "sh", "-c",
                                                     "exec 3>" + dir_ + "/mounted.new; mount --bind \"$0\" /proc && mv " + dir_ +
                                                         "/mounted.new " + dir_ + "/mounted; exec sleep 1800",
                                                     spec_.where.proc});
  }
  constexpr int kTries = 2000;
  for (int tries = 0; !fs::exists(dir_ + "/mounted"); ++tries) {
    if (tries == kTries) return fail("no mount namespace with a /proc of its own could be made: it takes root");
    ::poll(nullptr, 0, 5);
  }
  return std::vector<std::string>{"nsenter", "--mount=/proc/" + std::to_string(holder_->pid()) + "/ns/mnt", "pgrep"};
}

}  // namespace banger::bench
