// Both observers on the same host: what the one sees, the other sees, and what would fool the one fools neither. Real
// processes, loop devices and, in a network namespace of the test's own, taps. Takes root. Devices of device-mapper:
// tests/kernel/observers_test.cpp.
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "drivers/disk/dm_snapshot.h"
#include "drivers/loop_device/loop_device.h"
#include "drivers/network/bridge.h"
#include "drivers/network/tap.h"
#include "drivers/observe/process.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/network/namespaces.h"
#include "tests/drivers/observe/observers.h"
#include "tests/support/child.h"

namespace banger::observe {
namespace {

namespace fs = std::filesystem;
using banger::test::Child;
using banger::test::TempDir;
using network::test::must;
using network::test::sh;
using test::await_argv;
using test::look_twice;

constexpr VmId kWeb{0xa1}, kDb{0xb2}, kOld{0xc3}, kNone{0xd4};

// A store of this process alone: others may have loops and taps at the same time.
StoreId own_store() { return {0xbace'0000, static_cast<std::uint64_t>(::getpid())}; }

// QEMU's, where a comma in a path is written twice.
std::string qmp_of(const std::string& socket) {
  std::string escaped;
  for (const char each : socket) escaped += each == ',' ? ",," : std::string(1, each);
  return "unix:" + escaped + ",server=on,wait=off";
}

struct Host {
  TempDir dir;
  LookSpec spec{.layout = {dir / "a b\nc,d"}, .boot = boot_id().value(), .where = {.vmm_programs = {"banger-stub-vmm"}}};

  explicit Host(std::initializer_list<VmId> vms = {}) {
    for (const VmId vm : vms) fs::create_directories(vm_paths(spec.layout, vm).dir);
  }
  [[nodiscard]] std::string socket(VmId vm) const { return vm_paths(spec.layout, vm).api_socket; }
  // The last word of each argv here, so that one that has it has all.
  static constexpr const char* kEnd = "600";
  [[nodiscard]] std::vector<std::string> qemu(VmId vm, std::uint32_t incarnation) const {
    return {"qemu-system-x86_64", "-name", vmm_name({vm, incarnation}), "-qmp", qmp_of(socket(vm)), "--max-seconds", kEnd};
  }
  // A program that runs as a VMM does, and is none by its name.
  [[nodiscard]] std::string stranger() const {
    const fs::path copy = dir / "no-vmm";
    fs::copy_file(STUB_VMM, copy);
    return copy;
  }
  // What both say.
  [[nodiscard]] Observation agreed() const {
    const auto [native, tools] = look_twice(spec);
    CHECK(native.seen == tools.seen);
    CHECK(native.seen.processes_known);
    return native.seen;
  }
};

// Starts `program` with this very pid, which must be free: as when the kernel has come round to it again.
void start_as(pid_t pid, const std::string& program, std::vector<std::string> argv) {
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  clone_args how{};
  how.exit_signal = SIGCHLD;
  how.set_tid = reinterpret_cast<std::uintptr_t>(&pid);
  how.set_tid_size = 1;
  const long made = ::syscall(SYS_clone3, &how, sizeof how);
  if (made == 0) {
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  INFO("clone3 with set_tid takes root");
  REQUIRE(made == pid);
}

TEST_CASE("processes: VMMs of both kinds, by odd paths, and none that merely talks of one") {
  const Host host({kWeb, kDb, kOld, kNone});
  const fs::path upgraded = host.dir / "banger-stub-vmm";
  fs::copy_file(STUB_VMM, upgraded);
  const std::string stranger = host.stranger();
  const Child qemu(STUB_VMM, host.qemu(kWeb, 3));
  const Child firecracker(upgraded, {"firecracker", "--id", vmm_name({kDb, 7}), "--api-sock", host.socket(kDb), "--max-seconds",
                                     Host::kEnd});
  await_argv(firecracker.pid(), Host::kEnd);
  fs::remove(upgraded);  // as an upgrade does: its executable is "... (deleted)"
  const Child strange_program(stranger, {"qemu-system-x86_64", "-qmp", qmp_of(host.socket(kNone)), "--max-seconds", Host::kEnd});
  const Child mention(STUB_VMM, {"less", host.socket(kNone), "--max-seconds", Host::kEnd});
  const Child in_a_word(STUB_VMM, {"x", "-kernel", "-qmp " + host.socket(kNone), "--max-seconds", Host::kEnd});
  const Layout elsewhere{host.dir / "elsewhere"};
  fs::create_directories(vm_paths(elsewhere, kNone).dir);
  const Child of_another(STUB_VMM, {"x", "-qmp", qmp_of(vm_paths(elsewhere, kNone).api_socket), "--max-seconds", Host::kEnd});
  Child zombie(STUB_VMM, host.qemu(kOld, 1));
  for (const Child* each : std::initializer_list<const Child*>{&qemu, &strange_program, &mention, &in_a_word, &of_another, &zombie}) {
    await_argv(each->pid(), Host::kEnd);
  }
  CHECK(host.agreed().vmms.size() == 3);
  zombie.kill(SIGKILL);
  zombie.await_end();

  const Observation seen = host.agreed();
  CHECK(seen.vmms.size() == 2);
  CHECK(seen.vmms.at(kWeb) == std::vector{VmmSighting{identity_of(qemu.pid(), host.spec.boot).value(), 3}});
  CHECK(seen.vmms.at(kDb) == std::vector{VmmSighting{identity_of(firecracker.pid(), host.spec.boot).value(), 7, VmmKind::kFirecracker}});
  CHECK(seen.vm_directories == std::set{kWeb, kDb, kOld, kNone});
  zombie.wait();
  CHECK(host.agreed() == seen);
}

TEST_CASE("processes: several of one VM come oldest first, one with a long argv") {
  const Host host({kWeb});
  auto argv = host.qemu(kWeb, 1);
  const Child first(STUB_VMM, argv);
  await_argv(first.pid(), Host::kEnd);
  argv.insert(argv.end() - 2, 50, std::string(1000, 'x'));
  const Child second(STUB_VMM, argv);
  await_argv(second.pid(), Host::kEnd);
  const auto both = host.agreed().vmms.at(kWeb);
  REQUIRE(both.size() == 2);
  CHECK(both[0].process.start_ticks <= both[1].process.start_ticks);
  CHECK(std::set{both[0].process.pid, both[1].process.pid} == std::set{first.pid(), second.pid()});
}

TEST_CASE("processes: a pid that another has now is that other's") {
  const Host host({kWeb, kDb});
  pid_t pid = 0;
  {
    Child first(STUB_VMM, host.qemu(kWeb, 1));
    pid = first.pid();
    await_argv(pid, Host::kEnd);
    CHECK(host.agreed().vmms.at(kWeb).size() == 1);
    first.kill(SIGKILL);
    first.wait();
  }
  const auto reuse = [&](const std::string& program, std::vector<std::string> argv) {
    start_as(pid, program, std::move(argv));
    await_argv(pid, Host::kEnd);
    const Observation seen = host.agreed();
    ::kill(pid, SIGKILL);
    CHECK(::waitpid(pid, nullptr, 0) == pid);
    return seen;
  };
  const Observation now = reuse(STUB_VMM, host.qemu(kDb, 1));
  CHECK_FALSE(now.vmms.contains(kWeb));
  REQUIRE(now.vmms.contains(kDb));
  CHECK(now.vmms.at(kDb)[0].process.pid == pid);
  CHECK(reuse(host.stranger(), host.qemu(kWeb, 1)).vmms.empty());
  CHECK(host.agreed().vmms.empty());
}

TEST_CASE("loops: ours by their mark, whatever their files are called and whether they are still there") {
  Host host;
  const StoreId store = own_store();
  host.spec.disks_of = store;
  const auto marks_of = [&](VmId vm) { return disk::snapshot_names(store, vm); };
  const auto attach = [&](const std::string& name, const std::string& mark) {
    std::ofstream(host.dir / name) << std::string(4096, 'x');
    return must(loop::attach({.path = host.dir / name, .mark = mark}));
  };
  {
    const auto plain = attach("disk", marks_of(kWeb).cow_mark);
    const auto odd = attach("a b\nc\"d\\", marks_of(kDb).rest_mark);
    const auto gone = attach("gone", marks_of(kOld).cow_mark);
    fs::remove(host.dir / "gone");
    const auto replaced = attach("replaced", marks_of(kOld).rest_mark);
    std::ofstream(host.dir / "new") << "another";
    fs::rename(host.dir / "new", host.dir / "replaced");
    // Not a VM's: an image's, another store's, one whose file is called like a mark, one with half a mark.
    const auto base = attach("base", marks_of(kNone).base_mark);
    const auto others = attach("others", disk::snapshot_names({1, 2}, kNone).cow_mark);
    const auto named = attach(marks_of(kNone).cow_mark, "something");
    const auto half = attach("half", marks_of(kNone).uuid);
    const Observation seen = host.agreed();
    CHECK(seen.disks == std::map<VmId, DiskSighting>{{kWeb, {.device = false, .loops = true}},
                                                     {kDb, {.device = false, .loops = true}},
                                                     {kOld, {.device = false, .loops = true}}});
  }
  CHECK(host.agreed().disks.empty());
}

// ---- links, in a namespace of the test's own ----

// The same in both, or the test's failure.
Observation agreed_links(const LookSpec& spec) {
  const auto [native, tools] = look_twice(spec);
  if (native.seen != tools.seen) {
    throw std::runtime_error("native and tools differ: " + (tools.unknown.empty() ? "" : tools.unknown.front()));
  }
  EXPECT(native.seen.links_known);
  return native.seen;
}

LookSpec links_spec(const TempDir& dir, std::initializer_list<VmId> vms) {
  LookSpec spec{.layout = {dir / "data"}, .boot = boot_id().value(), .links_of = own_store()};
  for (const VmId vm : vms) fs::create_directories(vm_paths(spec.layout, vm).dir);
  return spec;
}

TEST_CASE("taps: marked ones and half-made ones of ours, and no stranger's", "[netns]") {
  network::test::in_new_namespace([] {
    const TempDir dir;
    const LookSpec spec = links_spec(dir, {kWeb, kDb, kNone});
    const StoreId store = *spec.links_of;
    EXPECT(agreed_links(spec).taps.empty());
    must(network::ensure_bridge({.store = store}));
    must(network::ensure_tap({.store = store, .vm = kWeb}));
    sh("ip tuntap add " + network::tap_name(store, kDb) + " mode tap");   // stopped before its mark
    sh("ip tuntap add " + network::tap_name(store, kOld) + " mode tap");  // of a VM that has no directory
    sh("ip tuntap add theirs mode tap; ip link set theirs alias " + network::alias_of({{1, 2}, kNone}));
    sh("ip tuntap add odd mode tap; ip link set odd alias \"$(printf '" + network::alias_of({store, kNone}) + "\\n x\\ty')\"");
    sh("ip tuntap add no_tap mode tun; ip link set no_tap alias " + network::alias_of({store, kNone}));
    sh("ip link add " + network::tap_name(store, kNone) + " type bridge");
    EXPECT((agreed_links(spec).taps == std::set{kWeb, kDb}));
    sh("ip link set odd alias " + network::alias_of({store, kOld}));  // by somebody's hand, but there it is
    EXPECT((agreed_links(spec).taps == std::set{kWeb, kDb, kOld}));
    must(network::remove_tap(store, kWeb));
    EXPECT((agreed_links(spec).taps == std::set{kDb, kOld}));
  });
}

TEST_CASE("taps: an alias made to break out of ip's JSON makes no tap of ours, and hides none", "[netns]") {
  network::test::in_new_namespace([] {
    const TempDir dir;
    const LookSpec spec = links_spec(dir, {kWeb});
    const StoreId store = *spec.links_of;
    must(network::ensure_bridge({.store = store}));
    must(network::ensure_tap({.store = store, .vm = kWeb}));
    sh("ip tuntap add odd mode tap");
    const std::string forged = "\"},{\"ifname\":\"bg0123456789abc\",\"linkinfo\":{\"info_kind\":\"tun\",\"info_data\":"
                               "{\"type\":\"tap\"}},\"ifalias\":\"" + network::alias_of({store, kNone});
    for (const std::string& alias : {std::string("a\"b"), std::string("a\\"), std::string("a\x01\xff"), forged}) {
      sh("ip link set odd alias '" + alias + "'");
      EXPECT(agreed_links(spec).taps == std::set{kWeb});
    }
    sh("ip link del odd");
    EXPECT(agreed_links(spec).taps == std::set{kWeb});
  });
}

}  // namespace
}  // namespace banger::observe
