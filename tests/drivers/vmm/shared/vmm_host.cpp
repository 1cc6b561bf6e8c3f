#include "tests/drivers/vmm/shared/vmm_host.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "drivers/image/image_files.h"
#include "tests/drivers/uv/support.h"

namespace banger::test {
namespace {

namespace fs = std::filesystem;
constexpr ImageId kImage{0xb1};

template <class T>
T must(Result<T> result) {
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace

std::string name_of(VmmKind kind) { return kind == VmmKind::kQemu ? "QEMU" : "Firecracker"; }

Misbehaving::Misbehaving(VmmKind kind, const std::string& words)
    : variable_(kind == VmmKind::kQemu ? "BANGER_STUB_VMM" : "BANGER_STAND_IN_FIRECRACKER") {
  ::setenv(variable_, words.c_str(), 1);
}

Misbehaving::~Misbehaving() { ::unsetenv(variable_); }

VmmHost::VmmHost(VmmKind kind) {
  config.layout.data_dir = dir_.path();
  config.boot = must(observe::boot_id());
  config.vmm = kind == VmmKind::kQemu ? effects::VmmChoice::kQemu : effects::VmmChoice::kFirecracker;
  config.vmm_program = STUB_VMM;
  config.firecracker_program = STAND_IN_FIRECRACKER;
  config.accel = effects::AccelChoice::kTcg;
  config.where.vmm_programs = {STUB_VMM, STAND_IN_FIRECRACKER};
  const std::string image = image_dir(config.layout, kImage);
  fs::create_directories(image);
  fs::create_directories(config.layout.vms_dir());
  std::ofstream(image + "/kernel") << "\177ELF, and no kernel";
  std::ofstream(image + "/rootfs.ext4") << "the image";
  fs::resize_file(image + "/rootfs.ext4", 1 << 20);
  (void)must(image::seal(image, {.arch = "x86_64", .user = "root"}, nullptr));
  images_.emplace(must(image::ImageStore::open(config.layout.images_dir())));
  vm.id = kVm;
  vm.name = "web";
  vm.image = kImage;
  vm.incarnation = 1;
  vm.fence = 7;
  vm.stop_timeout_ms = 60'000;
  vm.settings.vcpus = 1;
  vm.settings.memory_mib = 64;
  vm.settings.disk_mib = 2;
  vm.settings.net = NetMode::kNone;
  begin_daemon();
}

VmmHost::~VmmHost() {
  end_daemon();
  for (const VmmSighting& each : seen()) {
    CHECK(effects::kill_process(each.process));
    CHECK(::waitpid(each.process.pid, nullptr, 0) == each.process.pid);
  }
  CHECK(effects::remove_vm(tools(), kVm));
  CHECK(seen().empty());
  CHECK(fs::is_empty(config.layout.vms_dir()));
  CHECK_FALSE(uv::test::has_children());
}

void VmmHost::begin_daemon() {
  handles_.emplace(config.layout);
  quick_ = std::make_unique<uv::WorkerPool>(loop_, 2);
  slow_ = std::make_unique<uv::WorkerPool>(loop_, 1);
  effects_ = std::make_unique<effects::HostEffects>(loop_, *quick_, *slow_, tools(), [this](const Ask& notice) {
    notices_.push_back(std::get<ReportGone>(notice));
    if (awaited_) loop_.stop();
  });
}

void VmmHost::end_daemon() {
  effects_.reset();
  quick_.reset();
  slow_.reset();
  loop_.drain();
}

void VmmHost::restart_daemon() {
  end_daemon();
  notices_.clear();
  begin_daemon();
}

EffectEnd VmmHost::done(const Effect& effect) {
  std::optional<EffectEnd> ended;
  effects_->begin(effect, [&](EffectEnd end) {
    ended = std::move(end);
    loop_.stop();
  });
  uv::test::run(loop_);
  REQUIRE(ended);
  return *std::move(ended);
}

pid_t VmmHost::started() {
  const EffectEnd end = done(SpawnVmm{vm});
  REQUIRE(end.outcomes.size() == 1);
  if (const auto* failed = std::get_if<ReportSpawnFailed>(&end.outcomes[0])) FAIL(failed->message);
  REQUIRE(std::holds_alternative<ReportSpawned>(end.outcomes[0]));
  CHECK(std::get<ReportSpawned>(end.outcomes[0]).fence == vm.fence);
  REQUIRE(effects_->live(kVm));
  CHECK(effects_->live(kVm)->is_up());
  return effects_->live(kVm)->sighting().process.pid;
}

ReportGone VmmHost::gone(const Effect& effect) {
  const EffectEnd end = done(effect);
  REQUIRE(end.outcomes.size() == 1);
  REQUIRE(std::holds_alternative<ReportGone>(end.outcomes[0]));
  return std::get<ReportGone>(end.outcomes[0]);
}

ReportGone VmmHost::noticed() {
  if (notices_.empty()) {
    awaited_ = true;
    uv::test::run(loop_);
    awaited_ = false;
  }
  REQUIRE(notices_.size() == 1);
  return std::exchange(notices_, {}).front();
}

std::vector<VmmSighting> VmmHost::seen() { return must(effects::look_for(config, kVm)); }

std::string VmmHost::content(const std::string& path) const {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace banger::test
