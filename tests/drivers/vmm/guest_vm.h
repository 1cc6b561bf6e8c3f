// A guest that a test really boots: QEMU on an image, an overlay and a seed, reached by OpenSSH's
// client with the guest's host key pinned. Ends its QEMU when it goes. Tests only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "drivers/image/image_store.h"
#include "drivers/image/seed.h"
#include "drivers/vmm/qmp_client.h"
#include "tests/drivers/host/temp_dir.h"

namespace banger::test {

class GuestVm {
 public:
  // A name, keys, seed and overlay in a directory of its own; nothing runs yet.
  GuestVm(const image::ImageInfo& image, std::string name, std::uint64_t disk_bytes);
  GuestVm(const GuestVm&) = delete;
  GuestVm& operator=(const GuestVm&) = delete;
  ~GuestVm();

  // Spawns QEMU and waits until the guest's ssh server speaks. Throws with the console's end if it
  // never does.
  void start();
  // Runs a command as root; throws if ssh itself fails (exit code 255).
  struct Ran {
    int exit_code = 0;
    std::string out;
  };
  Ran ssh(const std::string& command);
  // The host key that the guest presents, asked without trusting it: "ssh-ed25519 AAAA...".
  std::string presented_host_key();
  // Presses the power button; waits until QEMU has gone.
  vmm::Shutdown stop();
  // SIGKILL, as a crash of the host's would have it.
  void kill();

  [[nodiscard]] const std::string& pinned_host_key() const { return pinned_host_key_; }
  [[nodiscard]] std::string file(const std::string& name) const { return dir_ / name; }
  [[nodiscard]] std::string console() const;
  [[nodiscard]] bool is_running() const { return pid_ > 0; }
  [[nodiscard]] std::uint64_t resident_kib() const;
  [[nodiscard]] std::chrono::milliseconds boot_time() const { return boot_time_; }

 private:
  void wait_for_banner();
  void drain_console();
  bool reap(bool wait);

  TempDir dir_;
  image::ImageInfo image_;
  std::string name_;
  std::string pinned_host_key_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  int console_fd_ = -1;
  std::chrono::milliseconds boot_time_{0};
};

}  // namespace banger::test
