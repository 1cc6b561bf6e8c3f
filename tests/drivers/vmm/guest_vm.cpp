#include "tests/drivers/vmm/guest_vm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "drivers/disk/qcow2.h"
#include "drivers/host/child.h"
#include "drivers/host/durable.h"
#include "drivers/vmm/console.h"
#include "drivers/vmm/qemu_argv.h"
#include "drivers/vmm/tsc.h"

extern char** environ;

namespace banger::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBootDeadline = std::chrono::seconds(90);
constexpr auto kStopDeadline = std::chrono::seconds(30);
constexpr std::uint64_t kLogBytes = 64 * 1024;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::uint16_t free_port() {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool done = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!done) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

// Whether something that speaks ssh answers: QEMU takes connections long before the guest does.
bool hears_banner(std::uint16_t port, int patience_ms) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::array<char, 4> start{};
  bool heard = false;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    pollfd readable{fd, POLLIN, 0};
    heard = ::poll(&readable, 1, patience_ms) == 1 &&
            ::recv(fd, start.data(), 4, MSG_WAITALL) == 4 &&
            std::string_view(start.data(), 4) == "SSH-";
  }
  ::close(fd);
  return heard;
}

void write_file(const std::string& path, const std::string& text) {
  must(host::write_file_durably(path, text, 0600));
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void run(std::vector<std::string> argv) {
  host::ChildSpec child;
  child.argv = std::move(argv);
  (void)must(host::run_child_checked(child));
}

}  // namespace

GuestVm::GuestVm(const image::ImageInfo& image, std::string name, std::uint64_t disk_bytes)
    : image_(image), name_(std::move(name)) {
  // By OpenSSH's and dropbear's own tools, so that a guest is held against their formats and not
  // ours.
  run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "client", "-f", file("client_key")});
  run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name_, "-f", file("host_key")});
  run({"dropbearconvert", "openssh", "dropbear", file("host_key"), file("host_key.dropbear")});
  image::SeedSpec seed;
  seed.hostname = name_;
  seed.authorized_key = read_file(file("client_key.pub"));
  seed.host_key_openssh = read_file(file("host_key"));
  seed.host_key_dropbear = read_file(file("host_key.dropbear"));
  seed.host_key_public = read_file(file("host_key.pub"));
  pinned_host_key_ = seed.host_key_public.substr(0, seed.host_key_public.rfind(' '));
  must(image::write_seed(file("seed"), seed));
  disk::OverlaySpec overlay;
  overlay.base = image_.rootfs;
  overlay.overlay = file("disk.qcow2");
  overlay.size_bytes = disk_bytes;
  must(disk::ensure_overlay(overlay));
}

GuestVm::~GuestVm() {
  kill();
  if (console_fd_ >= 0) ::close(console_fd_);
}

void GuestVm::start() {
  port_ = free_port();
  write_file(file("known_hosts"),
             "[127.0.0.1]:" + std::to_string(port_) + " " + pinned_host_key_ + "\n");
  if (console_fd_ < 0) console_fd_ = must(vmm::open_console(file("console")));
  const int errors = must(vmm::open_console_writer(file("console")));

  vmm::GuestBoot boot;
  boot.tsc_khz = must(vmm::measure_tsc_khz());
  boot.hostname = name_;
  boot.unix_seconds = ::time(nullptr);
  boot.extra = image_.cmdline;
  vmm::QemuSpec spec;
  spec.vm = VmId{1};
  spec.kernel = image_.kernel;
  spec.initrd = image_.initrd;
  spec.cmdline = vmm::guest_cmdline(boot);
  spec.disk = file("disk.qcow2");
  spec.seed = file("seed");
  spec.forwards = {{"127.0.0.1", port_, 22}};
  spec.api_socket = file("qmp.sock");
  spec.pidfile = file("qemu.pid");
  spec.console = file("console");
  auto argv = vmm::qemu_argv(spec);
  std::vector<char*> pointers;
  for (auto& word : argv) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, 1);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  const int error = ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(errors);
  if (error != 0) throw std::runtime_error("qemu did not start");
  wait_for_banner();
}

void GuestVm::wait_for_banner() {
  const auto begun = Clock::now();
  // A connection begun before the guest listened never answers; and a slow guest must not be buried
  // under connections that nobody waited for. So patience grows with each one that was waited for
  // in vain.
  int patience_ms = 500;
  for (auto tried = Clock::now(); !hears_banner(port_, patience_ms); tried = Clock::now()) {
    if (Clock::now() - tried >= std::chrono::milliseconds(patience_ms))
      patience_ms = std::min(patience_ms * 2, 5'000);
    drain_console();
    if (reap(false)) throw std::runtime_error("the VMM ended: " + console());
    if (Clock::now() - begun > kBootDeadline) throw std::runtime_error("no ssh: " + console());
    (void)::poll(nullptr, 0, 20);
  }
  boot_time_ = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
}

void GuestVm::drain_console() {
  auto log = must(vmm::CappedLog::open(file("console.log"), kLogBytes));
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; (n = ::read(console_fd_, buffer.data(), buffer.size())) > 0;) {
    must(log.append({buffer.data(), static_cast<std::size_t>(n)}));
  }
}

std::string GuestVm::console() const {
  return must(vmm::read_log_tail(file("console.log"), kLogBytes));
}

GuestVm::Ran GuestVm::ssh(const std::string& command) {
  host::ChildSpec child;
  child.argv = {"ssh",
                "-F",
                "none",
                "-i",
                file("client_key"),
                "-p",
                std::to_string(port_),
                "-o",
                "UserKnownHostsFile=" + file("known_hosts"),
                "-o",
                "GlobalKnownHostsFile=none",
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "IdentityAgent=none",
                "-o",
                "BatchMode=yes",
                "root@127.0.0.1",
                command};
  // A server refuses while too many connections wait to be let in, those of wait_for_banner() among
  // them: no command has run then.
  constexpr int kTries = 20;
  host::ChildResult ran;
  for (int i = 0; i < kTries; ++i) {
    ran = must(host::run_child(child));
    if (ran.exit_code != 255) return {ran.exit_code, ran.out};
    if (ran.err.find("kex_exchange_identification") == std::string::npos) break;
    (void)::poll(nullptr, 0, 500);
  }
  throw std::runtime_error("ssh: " + ran.err + console());
}

std::string GuestVm::presented_host_key() {
  host::ChildSpec child;
  child.argv = {"ssh-keyscan", "-t", "ed25519", "-p", std::to_string(port_), "127.0.0.1"};
  auto line = must(host::run_child_checked(child));
  auto start = line.find("ssh-ed25519");
  return start == std::string::npos ? "" : line.substr(start, line.find('\n', start) - start);
}

vmm::Shutdown GuestVm::stop() {
  auto qmp = must(vmm::QmpClient::connect(file("qmp.sock"), kStopDeadline));
  must(qmp.system_powerdown(kStopDeadline));
  auto shutdown = must(qmp.await_shutdown(kStopDeadline));
  reap(true);
  drain_console();
  return shutdown;
}

void GuestVm::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  reap(true);
}

bool GuestVm::reap(bool wait) {
  if (pid_ <= 0) return true;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, wait ? 0 : WNOHANG)) < 0 && errno == EINTR) {
  }
  if (ended == 0) return false;
  pid_ = -1;
  return true;
}

std::uint64_t GuestVm::resident_kib() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
  }
  return 0;
}

}  // namespace banger::test
