#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "drivers/disk/qcow2.h"
#include "drivers/effects/vmm/accelerator.h"
#include "drivers/guest/banner_probe.h"
#include "drivers/guest/keys.h"
#include "drivers/guest/ssh_client.h"
#include "drivers/image/image_store.h"
#include "drivers/image/seed.h"
#include "drivers/vmm/host_ports.h"
#include "drivers/vmm/qemu_argv.h"
#include "engine/paths.h"
#include "events/log/files.h"
#include "tests/bench/bench.h"
#include "tests/bench/private_daemon.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kVcpus = 1;
constexpr std::uint64_t kMemoryMib = 512;
constexpr std::uint64_t kDiskMib = 2'048;
constexpr const char* kSays = "echo here";
constexpr auto kBootDeadline = std::chrono::minutes(3);
constexpr std::uint16_t kFirstPort = 20'000;  // below those that the daemon gives away
constexpr std::uint16_t kLastPort = 20'999;

double ms_since(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

Result<std::uint16_t> free_port() {
  for (std::uint16_t port = kFirstPort; port <= kLastPort; ++port) {
    const auto busy = vmm::busy_ports({{"127.0.0.1", port, 22}});
    if (!busy) return std::unexpected(busy.error());
    if (busy->empty()) return port;
  }
  return fail("no port is free");
}

// A guest as somebody would start it who has QEMU, the image and an ssh client, but no banger. What
// it needs is made beforehand and not counted.
class ByHand {
 public:
  ByHand(std::string dir, image::ImageInfo image, effects::Acceleration acceleration)
      : dir_(std::move(dir)), image_(std::move(image)), acceleration_(std::move(acceleration)) {}
  ByHand(const ByHand&) = delete;
  ByHand& operator=(const ByHand&) = delete;
  ~ByHand() {
    if (qemu_ > 0 && ::kill(qemu_, SIGKILL) == 0) ::waitpid(qemu_, nullptr, 0);
    std::filesystem::remove_all(dir_);
  }

  [[nodiscard]] Status prepare();
  // From the start of QEMU to the guest's first output.
  [[nodiscard]] Result<double> first_output_ms();

 private:
  [[nodiscard]] vmm::QemuSpec spec(std::uint16_t port) const;

  std::string dir_;
  image::ImageInfo image_;
  effects::Acceleration acceleration_;
  guest::SshTarget target_;
  pid_t qemu_ = 0;
};

Status ByHand::prepare() {
  std::filesystem::create_directory(dir_);
  const auto host = guest::make_key_pair("by-hand");
  const auto client = guest::make_key_pair("bench");
  if (!host || !client) return std::unexpected((host ? client : host).error());
  BANGER_TRY(image::write_seed(dir_ + "/seed", {.hostname = "by-hand",
                                                .authorized_key = client->public_line,
                                                .host_key_openssh = host->private_openssh,
                                                .host_key_dropbear = host->private_dropbear,
                                                .host_key_public = host->public_line}));
  BANGER_TRY(disk::ensure_overlay(
      {.base = image_.rootfs, .overlay = dir_ + "/disk.qcow2", .size_bytes = kDiskMib << 20}));
  const auto port = free_port();
  if (!port) return std::unexpected(port.error());
  target_ = {.host = "127.0.0.1",
             .port = *port,
             .user = image_.user,
             .private_key = client->private_openssh,
             .host_key = host->public_line};
  return {};
}

vmm::QemuSpec ByHand::spec(std::uint16_t port) const {
  const vmm::GuestBoot boot{.accel = acceleration_.accel,
                            .tsc_khz = acceleration_.tsc_khz,
                            .hostname = "by-hand",
                            .unix_seconds = ::time(nullptr),
                            .extra = image_.cmdline};
  return {.vm = VmId{1},
          .accel = acceleration_.accel,
          .vcpus = kVcpus,
          .memory_bytes = kMemoryMib << 20,
          .kernel = image_.kernel,
          .initrd = image_.initrd,
          .cmdline = vmm::guest_cmdline(boot),
          .disk = dir_ + "/disk.qcow2",
          .seed = dir_ + "/seed",
          .mac = "52:54:00:00:00:01",
          .forwards = {{"127.0.0.1", port, 22}},
          .api_socket = dir_ + "/qmp.sock",
          .pidfile = dir_ + "/pid",
          .console = dir_ + "/console"};
}

Result<double> ByHand::first_output_ms() {
  const std::vector<std::string> argv = vmm::qemu_argv(spec(target_.port));
  const log::Fd console(
      ::open((dir_ + "/console").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const auto begun = Clock::now();
  const auto qemu = spawn(argv, {}, console.get(), console.get());
  if (!qemu) return std::unexpected(qemu.error());
  qemu_ = *qemu;
  const auto deadline = begun + kBootDeadline;
  if (const auto banner = guest::wait_for_ssh(target_.host, target_.port, deadline); !banner) {
    return std::unexpected(banner.error());
  }
  auto session = guest::SshSession::connect(target_, deadline);
  if (!session) return std::unexpected(guest::plain(std::move(session).error()));
  const auto ran = guest::run(*session, kSays, {}, 4096, deadline);
  if (!ran) return std::unexpected(guest::plain(ran.error()));
  const double taken = ms_since(begun);
  if (ran->out != "here\n") return fail("the guest by hand said '" + ran->out + "'");
  return taken;
}

Status await_empty_fleet(const PrivateDaemon& daemon) {
  const auto deadline = Clock::now() + std::chrono::minutes(1);
  while (Clock::now() < deadline) {
    const auto listed = daemon.ctl({"vm", "ls", "-q"}, std::chrono::seconds(30));
    if (!listed) return std::unexpected(listed.error());
    if (listed->empty()) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return fail("a VM of `vm run --rm` is still there");
}

// From the start of bangerctl to the guest's first output; returns once the VM is gone.
Result<double> run_first_output_ms(const PrivateDaemon& daemon) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  const log::Fd ours(ends[0]);
  log::Fd theirs(ends[1]);
  const std::vector<std::string> argv =
      PrivateDaemon::argv({"vm", "run", "--rm", "--image", "tiny", "--vcpus",
                           std::to_string(kVcpus), "--memory", std::to_string(kMemoryMib) + "M",
                           "--disk", std::to_string(kDiskMib) + "M", "--", "sh", "-c", kSays});
  const auto begun = Clock::now();
  const auto child = spawn(argv, daemon.environment(), theirs.get(), STDERR_FILENO);
  if (!child) return std::unexpected(child.error());
  theirs = log::Fd();
  char first = 0;
  const ssize_t got = ::read(ours.get(), &first, 1);
  const double taken = ms_since(begun);
  BANGER_TRY(await_success(*child, "bangerctl vm run"));
  if (got != 1 || first != 'h') return fail("bangerctl vm run printed nothing of the guest's");
  BANGER_TRY(await_empty_fleet(daemon));
  return taken;
}

Result<image::ImageInfo> build_image(const PrivateDaemon& daemon) {
  Report::progress("building the image tiny");
  auto built = daemon.ctl({"image", "build", "tiny"}, std::chrono::minutes(10));
  if (!built) return std::unexpected(std::move(built).error());
  const auto store = image::ImageStore::open(Layout{daemon.data_dir()}.images_dir());
  if (!store) return std::unexpected(store.error());
  auto images = store->list();
  if (!images) return std::unexpected(images.error());
  if (images->size() != 1) return fail("the built image is not there");
  return std::move(images->front());
}

}  // namespace

Status vm_run(const Options& options, Report& report) {
  const auto daemon = PrivateDaemon::start(options.dir, "");
  if (!daemon) return std::unexpected(daemon.error());
  const auto image = build_image(**daemon);
  if (!image) return std::unexpected(image.error());
  // Found out before either is measured, and kept where the daemon keeps it: it will take the same.
  effects::Accelerator accelerator(effects::AccelChoice::kAuto, (*daemon)->data_dir());
  const auto acceleration = accelerator.decide(image->kernel);
  if (!acceleration) return std::unexpected(acceleration.error());
  Report::progress("accelerator: " + accelerator.describe());
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> preparing;
  const auto rounds = options.pick<std::size_t>(1, 1, 3);
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto ran = run_first_output_ms(**daemon);
    if (!ran) return std::unexpected(ran.error());
    ours.push_back(*ran);
    ByHand by_hand(options.dir + "/by-hand", *image, *acceleration);
    const auto begun = Clock::now();
    BANGER_TRY(by_hand.prepare());
    preparing.push_back(ms_since(begun));
    const auto booted = by_hand.first_output_ms();
    if (!booted) return std::unexpected(booted.error());
    theirs.push_back(*booted);
    Report::progress("round " + std::to_string(i + 1) + ": banger " + std::to_string(*ran) +
                     " ms, by hand " + std::to_string(*booted) + " ms");
  }
  report.add({.name = "vm_run_first_output_ms",
              .ours = median(ours),
              .rival = median(theirs),
              .sense = Target::kAtMost,
              .target = 1.1,
              .details = {{"slowest_ms", quantile(ours, 1)},
                          {"by_hand_slowest_ms", quantile(theirs, 1)},
                          {"by_hand_prepare_ms", median(preparing)}}});
  return {};
}

}  // namespace banger::bench
