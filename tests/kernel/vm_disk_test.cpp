// The steps of a VM's start and end with its disk on device-mapper: what is written down before it is acquired, what a
// VMM is given, and that a failure at any stage lets go of everything. A stand-in is the VMM (banger-stub-vmm).
#include <arpa/inet.h>
#include <sys/socket.h>

#include <csignal>

#include "drivers/effects/host_effects.h"
#include "drivers/image/image_files.h"
#include "tests/kernel/support.h"

using namespace banger;
using namespace banger::test;
using namespace banger::effects;
namespace fs = std::filesystem;

namespace {

constexpr VmId kVm{0xa1};
const ReleaseHandles kHeld{kVm, {{ResourceClass::kDmSnapshot, Condition::kUnwanted, "disk-x", CorrectiveAction::kRemoved, ""}}};
constexpr ImageId kImage{0xb1};

// All that a start needs, and proof that the kernel holds nothing when it is over.
class Host {
 public:
  explicit Host(disk::DiskChoice choice = disk::DiskChoice::kAuto)
      : disks_(choice, kStore, disk::snapshots_usable()) {
    config_.layout.data_dir = dir_.path();
    config_.boot = must(observe::boot_id());
    config_.vmm_program = "/test/banger-stub-vmm";
    config_.accel = AccelChoice::kTcg;
    config_.where.vmm_programs.push_back(config_.vmm_program);
    const std::string image = image_dir(config_.layout, kImage);
    fs::create_directories(image);
    fs::create_directories(config_.layout.vms_dir());
    std::ofstream(image + "/kernel") << "not a kernel";
    std::ofstream(image + "/rootfs.ext4") << "the image";
    fs::resize_file(image + "/rootfs.ext4", kImageBytes);
    (void)must(image::seal(image, {.arch = "x86_64", .user = "root"}, nullptr));
    images_.emplace(must(image::ImageStore::open(config_.layout.images_dir())));
    vm.id = kVm;
    vm.name = "web";
    vm.image = kImage;
    vm.incarnation = 1;
    vm.settings.vcpus = 1;
    vm.settings.memory_mib = 64;
    vm.settings.disk_mib = kDiskBytes / kMiB;
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    CHECK(remove_vm(tools(), kVm).has_value());
    CHECK(kernel_holds() == "");
  }

  [[nodiscard]] StepTools tools() { return {config_, vmms_, *images_, handles_, disks_, links_}; }
  [[nodiscard]] std::expected<Vmm, StartFailure> start() {
    auto started = start_vmm(tools(), vm, cancelled);
    if (started) pid_ = started->sighting.process.pid;
    return started;
  }
  // As a VM that stops: its VMM ends, and then its disk is let go.
  void stop(const Vmm& vmm) {
    must(kill_process(vmm.sighting.process));
    pid_ = 0;
    must(release_handles(tools(), kVm));
  }
  [[nodiscard]] VmPaths paths() const { return vm_paths(config_.layout, kVm); }
  [[nodiscard]] VmHandles scratch() const {
    auto read = must(observe::read_handles(paths().handles));
    REQUIRE(read);
    return *read;
  }
  [[nodiscard]] observe::HandleCache& handles() { return handles_; }
  HostConfig& config() { return config_; }

  VmRuntime vm;
  std::atomic<bool> cancelled = false;

 private:
  TempDir dir_;
  HostConfig config_;
  Accelerator accelerator_{AccelChoice::kTcg, dir_.path()};
  VmmDrivers vmms_{config_, accelerator_};
  observe::HandleCache handles_{Layout{dir_.path()}};
  disk::Disks disks_;
  GuestLinks links_{std::nullopt};
  std::optional<image::ImageStore> images_;
  pid_t pid_ = 0;
};

std::string argv_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string words{std::istreambuf_iterator<char>(file), {}};
  std::ranges::replace(words, '\0', ' ');
  return words;
}

bool holds_no_disk(const VmHandles& handles) {
  return (handles.base_loop + handles.cow_loop + handles.dm_name + handles.dm_device).empty();
}

Vmm must_start(Host& host) {
  auto started = host.start();
  INFO((started ? "" : started.error().message));
  REQUIRE(started);
  return std::move(*started);
}

}  // namespace

TEST_CASE("a VM starts on a snapshot, which its VMM is given as a raw disk; stopped it holds nothing") {
  Host host;
  Vmm vmm = must_start(host);
  const VmHandles scratch = host.scratch();
  CHECK(scratch.vmm == vmm.sighting.process);
  CHECK(scratch.dm_device == "/dev/mapper/" + disk::snapshot_names(kStore, kVm).device);
  CHECK(scratch.base_loop.starts_with("/dev/loop"));
  CHECK(scratch.cow_loop.starts_with("/dev/loop"));
  CHECK(argv_of(vmm.sighting.process.pid).contains("format=raw,discard=unmap,file=" + scratch.dm_device));
  CHECK_FALSE(fs::exists(host.paths().overlay));
  CHECK(read_at(scratch.dm_device, 0, 9) == "the image");
  CHECK(write_at(scratch.dm_device, 0, "of web"));

  // The VMM is there already: it is adopted, and nothing is made twice.
  const std::string before = kernel_holds();
  auto again = host.start();
  REQUIRE(again);
  CHECK(again->adopted);
  CHECK(kernel_holds() == before);

  host.stop(vmm);
  CHECK(kernel_holds() == "");
  CHECK(holds_no_disk(host.scratch()));
  CHECK(fs::exists(host.paths().cow));
  host.vm.incarnation = 2;
  vmm = must_start(host);
  CHECK(read_at(host.scratch().dm_device, 0, 6) == "of web");
  host.stop(vmm);
}

TEST_CASE("a start that finds what a crash left takes it over") {
  Host host;
  const Vmm vmm = must_start(host);
  must(kill_process(vmm.sighting.process));  // and nobody lets the disk go
  CHECK(kernel_holds() != "");
  host.vm.incarnation = 2;
  const Vmm second = must_start(host);
  CHECK(must(disk::list_snapshots(kStore)).size() == 1);
  host.stop(second);
}

TEST_CASE("a start that fails says at which stage, and lets go of the disk") {
  Host host;
  SECTION("the VMM is not to be had") {
    host.config().vmm_program = "/test/no-such-vmm";
    auto failure = host.start();
    REQUIRE_FALSE(failure);
    CHECK(failure.error().stage == StartStage::kVmm);
  }
  SECTION("a port is busy") {
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(2222);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    host.vm.settings.ports = {{"127.0.0.1", 2222, 80}};
    auto failure = host.start();
    REQUIRE_FALSE(failure);
    CHECK(failure.error().stage == StartStage::kPorts);
    CHECK(failure.error().busy_port == 2222);
  }
  SECTION("it was overtaken") {
    host.cancelled = true;
    auto failure = host.start();
    REQUIRE_FALSE(failure);
    CHECK(failure.error().stage == StartStage::kVmm);
  }
  SECTION("the intent cannot be written down") {
    fs::create_directories(host.paths().handles + "/in-the-way");
    auto failure = host.start();
    REQUIRE_FALSE(failure);
    CHECK(failure.error().stage == StartStage::kDisk);
    CHECK_FALSE(fs::exists(host.paths().cow));
    CHECK(kernel_holds() == "");
    fs::remove_all(host.paths().handles);
    host.handles().seed(kVm, {});
  }
  CHECK(kernel_holds() == "");
  if (auto left = host.handles().find(kVm)) CHECK(holds_no_disk(*left));
}

TEST_CASE("what a VM left that is down is let go by the look that finds it, unless somebody has it open") {
  Host host;
  const Vmm vmm = must_start(host);
  must(kill_process(vmm.sighting.process));
  CHECK(must(host.tools().disks.held()).at(kVm).device);
  SECTION("at once") { CHECK(must(release_stray(host.tools(), kHeld)).size() == 1); }
  SECTION("later") {
    Fd open(::open(host.scratch().dm_device.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(open);
    CHECK(release_stray(host.tools(), kHeld).error().sys_errno == EBUSY);
    open.reset();
    CHECK(must(release_stray(host.tools(), kHeld)).size() == 1);
  }
  SECTION("only the loops are there") {
    auto cow = must(loop::find_attached({.path = host.paths().cow,
                                         .mark = disk::snapshot_names(kStore, kVm).cow_mark}));
    REQUIRE(cow);
    say({"dmsetup", "remove", host.scratch().dm_name});
    CHECK(must(host.tools().disks.held()).at(kVm) == DiskSighting{.device = false, .loops = true});
    cow.reset();
  }
  CHECK(must(release_stray(host.tools(), kHeld)).empty());
  CHECK(must(host.tools().disks.held()).empty());
}

TEST_CASE("a deleted VM is only gone when its disk is") {
  Host host;
  const Vmm vmm = must_start(host);
  const std::string node = host.scratch().dm_device;
  Fd open(::open(node.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(open);
  const auto busy = remove_vm(host.tools(), kVm);
  REQUIRE_FALSE(busy);
  CHECK(busy.error().sys_errno == EBUSY);
  open.reset();
  must(remove_vm(host.tools(), kVm));
  CHECK(kernel_holds() == "");
  CHECK_FALSE(fs::exists(host.paths().dir));
  must(remove_vm(host.tools(), kVm));
}

TEST_CASE("the daemon's effects let a disk go before they say that its VM is down, and later where it was open") {
  Host host;
  host.vm.fence = 1;
  host.vm.stop_mode = StopMode::kForced;
  uv::Loop loop;
  auto quick = std::make_unique<uv::WorkerPool>(loop, 2);
  auto slow = std::make_unique<uv::WorkerPool>(loop, 1);
  std::vector<Ask> notices;
  auto effects = std::make_unique<HostEffects>(loop, *quick, *slow, host.tools(), [&](Ask notice) {
    notices.push_back(std::move(notice));
    loop.stop();
  });
  auto done = [&](const Effect& effect) {
    EffectEnd ended;
    effects->begin(effect, [&](EffectEnd end) {
      ended = std::move(end);
      loop.stop();
    });
    loop.run();
    return ended;
  };
  auto spawned = [&](std::uint32_t incarnation) {
    host.vm.incarnation = incarnation;
    const EffectEnd end = done(SpawnVmm{host.vm});
    REQUIRE(end.outcomes.size() == 1);
    CHECK(std::holds_alternative<ReportSpawned>(end.outcomes[0]));
    REQUIRE(effects->live(kVm));
    CHECK(kernel_holds().contains(disk::snapshot_names(kStore, kVm).device));
    return effects->live(kVm)->sighting().process.pid;
  };
  auto stopped = [&] {
    const EffectEnd end = done(StopVmm{host.vm});
    REQUIRE(end.outcomes.size() == 1);
    CHECK(std::holds_alternative<ReportGone>(end.outcomes[0]));
  };
  const ReleaseHandles release = kHeld;

  spawned(1);
  stopped();
  CHECK(kernel_holds() == "");

  // It dies, and is started again at once: the new start's disk is not the one that is let go.
  const pid_t dying = spawned(2);
  REQUIRE(::kill(dying, SIGKILL) == 0);
  loop.run();
  REQUIRE(notices.size() == 1);
  CHECK(std::get<ReportGone>(notices[0]).incarnation == 2);
  spawned(3);

  Fd open(::open(host.scratch().dm_device.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(open);
  stopped();
  CHECK(kernel_holds() != "");
  const EffectEnd busy = done(release);
  CHECK(busy.retry_later);
  CHECK(busy.outcomes.empty());
  open.reset();
  const EffectEnd late = done(release);
  REQUIRE(late.outcomes.size() == 1);
  CHECK(std::get<ReportDrift>(late.outcomes[0]).finding.derived_name == "disk-x");
  CHECK(kernel_holds() == "");
  CHECK(done(release).outcomes.empty());  // nothing was left: no finding

  spawned(4);
  const EffectEnd gone = done(TearDownVm{host.vm});
  REQUIRE(gone.outcomes.size() == 1);
  CHECK(std::holds_alternative<ReportTornDown>(gone.outcomes[0]));
  CHECK(kernel_holds() == "");

  effects.reset();
  quick.reset();
  slow.reset();
  loop.drain();
}
