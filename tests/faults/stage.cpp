#include "tests/faults/stage.h"

#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/catch.h"
#include "tests/support/apart.h"

namespace banger::faults {
namespace {

namespace fs = std::filesystem;

// Ticks often, so that one is due while the daemon ends. No fold beside the one that is asked for; room as of a small tmpfs; execs of a client that is gone are soon lost.
constexpr const char* kConfig = R"(tick_ms = 100
exec_grace_ms = 100
disk = "qcow2"
[vmm]
program = ")" BANGER_PLAIN_DIR R"(/tests/banger-stub-vmm"
accel = "tcg"
[log]
low_water_mib = 1
ballast_mib = 1
shadow_fold_s = 0
)";

std::string new_mount() {
  test::must_be_apart();
  std::string made = "/tmp/banger-faults-XXXXXX";
  REQUIRE(::mkdtemp(made.data()) != nullptr);
  REQUIRE(::mount("tmpfs", made.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=512m") == 0);
  return made;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> argv_of(pid_t pid) {
  std::vector<std::string> argv;
  const std::string all = slurp("/proc/" + std::to_string(pid) + "/cmdline");
  for (std::size_t from = 0; from < all.size(); from += argv.back().size() + 1) argv.emplace_back(all.c_str() + from);
  return argv;
}

// Of "-qmp unix:PATH,...".
std::string api_socket_of(const std::vector<std::string>& argv) {
  const auto option = std::ranges::find(argv, "-qmp");
  REQUIRE((option != argv.end() && option + 1 != argv.end()));
  constexpr std::string_view kHead = "unix:";
  return (option + 1)->substr(kHead.size(), (option + 1)->find(',') - kHead.size());
}

// With FIFOs and holes.
void copy(const std::string& from, const std::string& to) {
  test::Child cp("/bin/cp", {"cp", "-a", from, to});
  REQUIRE(cp.exit_code() == 0);
}

}  // namespace

Stage::Stage() : dir_(new_mount()) {
  banger_ = std::make_unique<e2e::Sandbox>(kConfig, e2e::Place{dir_, BANGER_PLAIN_DIR "/bin", {}});
  banger_->make_stub_image();
  save(Prepared::kEmpty);
  REQUIRE(banger_->ctl({"vm", "create", "--no-start", "--name", kVm, "--image", "base"}).code == 0);
  save(Prepared::kCreated);
  REQUIRE(banger_->ctl({"vm", "start", kVm}).code == 0);
  const auto vmms = banger_->processes_of("banger-stub-vmm");
  REQUIRE(vmms.size() == 1);
  vmm_argv_ = argv_of(vmms.front());
  save(Prepared::kReady);
  end_vmms();
}

Stage::~Stage() {
  end_vmms();
  banger_.reset();
  ::umount(dir_.c_str());
  ::rmdir(dir_.c_str());
}

void Stage::save(Prepared state) const {
  REQUIRE(banger_->ctl({"daemon", "stop"}).code == 0);
  REQUIRE(e2e::eventually([&] { return banger_->daemon() == 0; }));
  copy(banger_->data(), dir_ + "/prepared-" + std::to_string(static_cast<int>(state)));
}

void Stage::end_vmms() {
  vmm_.reset();
  for (pid_t pid : banger_->processes_of("banger-stub-vmm")) ::kill(pid, SIGKILL);
  REQUIRE(e2e::eventually([&] { return vmms() == 0; }));
}

void Stage::restore(Prepared state) {
  end_vmms();
  fs::remove_all(banger_->data());
  fs::remove_all(dir_ + "/run");
  fs::remove(dir_ + "/told");
  copy(dir_ + "/prepared-" + std::to_string(static_cast<int>(state)), banger_->data());
  if (state != Prepared::kReady) return;
  const std::string up = api_socket_of(vmm_argv_);  // the last that it makes
  fs::remove(up);
  vmm_.emplace(vmm_argv_.front(), vmm_argv_);
  REQUIRE(e2e::eventually([&] { return fs::exists(up); }));
}

std::unique_ptr<Traced> Stage::start(const Fault* from_start) const {
  const std::vector<std::string> argv{BANGER_PLAIN_DIR "/bin/bangerd", "--config", dir_ + "/banger.toml", "--data-dir",
                                      banger_->data(), "--socket", socket(), "--ready-fd", "3"};
  return std::make_unique<Traced>(argv, dir_ + "/told", from_start);
}

std::string Stage::said(const Traced& daemon) {
  std::string line;
  char next = 0;
  while (::read(daemon.ready(), &next, 1) == 1 && next != '\n') line += next;
  return line;
}

std::unique_ptr<Traced> Stage::start_after_kill(const Fault* from_start) const {
  std::unique_ptr<Traced> daemon;
  REQUIRE(e2e::eventually([&] {
    daemon = start(from_start);
    return !said(*daemon).starts_with("busy: ");
  }));
  return daemon;
}

std::string Stage::files() const {
  std::set<std::string> names;
  for (const char* place : {"/data", "/run"}) {
    for (const auto& each : fs::recursive_directory_iterator(dir_ + place)) {
      const std::string name = each.path().string().substr(dir_.size());
      const bool comes_and_goes = name.starts_with("/data/log/db/") || name == "/data/log/ballast" || name == "/data/bangerd.log";
      if (!comes_and_goes) names.insert(name);
    }
  }
  std::string all;
  for (const std::string& name : names) all += name + "\n";
  return all;
}

std::string Stage::told() const { return slurp(dir_ + "/told"); }

}  // namespace banger::faults
