#include "tests/kernel/daemon/guest.h"

#include <poll.h>
#include <sys/syscall.h>

#include <csignal>

#include "tests/drivers/network/nat_support.h"
#include "tests/support/json_lines.h"

namespace banger::test {
namespace {

namespace fs = std::filesystem;

// Low water and ballast are for hosts with more room than a guest of this kind has.
constexpr const char* kConfig = R"(tick_ms = 500
disk = "dm_snapshot"
[vmm]
program = "/test/banger-stub-vmm"
accel = "tcg"
[log]
low_water_mib = 1
ballast_mib = 1
shadow_fold_s = 0
)";

// As long as an image and with its magic number (ext4's at 0x438), else noise: no two places of it are the same.
void write_image(const std::string& dir) {
  fs::create_directories(dir);
  std::ofstream(dir + "/kernel") << "not a kernel";
  std::ofstream rootfs(dir + "/rootfs.ext4", std::ios::binary);
  std::vector<std::uint64_t> words(kImageBytes / sizeof(std::uint64_t));
  for (std::uint64_t i = 0; i < words.size(); ++i) words[i] = (i + 1) * 0x9e3779b97f4a7c15;
  auto* bytes = reinterpret_cast<char*>(words.data());
  bytes[0x438] = '\x53';
  bytes[0x439] = '\xef';
  rootfs.write(bytes, static_cast<std::streamsize>(kImageBytes));
}

// Ours, with the state of each.
std::vector<std::pair<std::string, std::string>> processes() {
  std::vector<std::pair<std::string, std::string>> ours;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");  // "PID (NAME) STATE ..."
    std::string pid, name, state;
    if (file >> pid >> name >> state && name.starts_with("(banger")) ours.emplace_back(name, state);
  }
  return ours;
}

// One that is up: it sleeps or runs.
bool is_daemon(const std::string& name, const std::string& state) { return name == "(bangerd)" && state != "Z"; }

}  // namespace

GuestDaemon::GuestDaemon(const std::string& dir, std::vector<std::string> environment)
    : banger_(kConfig, {dir, "/test", std::move(environment)}) {
  if (!fs::exists(banger_.data())) {
    write_image(dir + "/image");
    ctl({"image", "import", kImageName, dir + "/image"});
    fs::remove_all(dir + "/image");
  }
  digest_ = image_digest();
}

void GuestDaemon::leave() {
  CHECK(image_digest() == digest_);
  CHECK(banger_.json({"log", "verify"}).at("ok") == true);
  CHECK(banger_.leave() == "");
  CHECK(e2e::eventually([] { return left_in_kernel().empty(); }));  // init reaps what had no other parent
  CHECK(left_in_kernel() == "");
}

void GuestDaemon::ctl(const std::vector<std::string>& words) const {
  const e2e::Ran ran = banger_.ctl(words);
  INFO(words[0] << " " << words[1] << ": " << ran.out << ran.err);
  REQUIRE(ran.code == 0);
}

std::vector<std::string> GuestDaemon::create_words(const std::string& vm) {
  return {"vm", "create", "-d", "--name", vm, "--image", kImageName, "--memory", "64M", "--disk", "12M",
          "--net", "bridge", "-p", "8080"};
}

e2e::Ran GuestDaemon::try_up(const std::vector<std::string>& words, const std::string& vm) const {
  e2e::Ran asked = banger_.ctl(words);
  return asked.code == 0 ? banger_.ctl({"vm", "wait", vm, "--for", "running"}) : asked;
}

void GuestDaemon::up(const std::vector<std::string>& words, const std::string& vm) const {
  const e2e::Ran ran = try_up(words, vm);
  INFO(words[1] << " " << vm << ": " << ran.out << ran.err);
  REQUIRE(ran.code == 0);
}

std::string GuestDaemon::node(const std::string& vm) const {
  const std::string store = banger_.json({"daemon", "status"}).at("store_id");
  return "/dev/mapper/banger-" + store + "-" + show(vm).at("id").get<std::string>();
}

std::vector<Json> GuestDaemon::events(const std::string& kind, const std::string& vm) const {
  std::vector<std::string> words{"events", "ls", "--kind", kind, "-o", "json"};
  if (!vm.empty()) words.insert(words.end(), {"--vm", vm});
  const e2e::Ran ran = banger_.ctl(words);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return json_lines(ran.out);
}

std::string GuestDaemon::image_digest() const {
  std::vector<std::string> files;
  for (const auto& each : fs::directory_iterator(banger_.data() + "/images")) {
    if (fs::exists(each.path() / "rootfs.ext4")) files.push_back(each.path() / "rootfs.ext4");
  }
  REQUIRE(files.size() == 1);
  return say({"busybox", "sha256sum", files[0]}).substr(0, 64);
}

void kill_vmm(pid_t pid) {
  REQUIRE(pid > 0);
  const Fd hold(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  REQUIRE(hold);
  REQUIRE(::syscall(SYS_pidfd_send_signal, hold.get(), SIGKILL, nullptr, 0) == 0);
  pollfd ended{.fd = hold.get(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&ended, 1, 60'000) == 1);
}

std::vector<std::string> open_files(pid_t pid) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& each : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    const std::string name = fs::read_symlink(each.path(), error);
    if (!error) names.push_back(name);
  }
  return names;
}

std::string rules() { return network::test::nft("list tables"); }

std::vector<std::string> links() {
  std::vector<std::string> links;
  for (const auto& link : fs::directory_iterator("/sys/class/net")) {
    if (const std::string name = link.path().filename(); name != "lo") links.push_back(name);
  }
  return links;
}

std::string left_beside_daemon() {
  std::string left = rules();
  for (const std::string& link : links()) left += "link " + link + "\n";
  for (const auto& block : fs::directory_iterator("/sys/block")) {
    const bool held = fs::exists(block.path() / "dm") || fs::exists(block.path() / "loop");
    if (held) left += "device " + block.path().filename().string() + "\n";
  }
  for (const auto& [name, state] : processes()) {
    // A zombie of a VMM that the daemon has not reaped is told.
    if (!is_daemon(name, state)) left += "process " + name + " " + state + "\n";
  }
  return left;
}

std::string left_in_kernel() {
  std::string left = left_beside_daemon() + kernel_holds();
  for (const auto& [name, state] : processes()) {
    if (is_daemon(name, state)) left += "process " + name + " " + state + "\n";
  }
  return left;
}

}  // namespace banger::test
