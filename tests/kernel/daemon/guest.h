// What the tests of a whole bangerd in a guest share: a sandbox with the image and the configuration that they want, and
// looks from outside at what the kernel holds. Nothing here asks the daemon but by bangerctl.
#pragma once

#include <string>

#include "tests/e2e/sandbox.h"
#include "tests/kernel/support.h"

namespace banger::test {

using Json = nlohmann::json;

inline constexpr const char* kImageName = "base";

// A bangerd whose VMs have disks on device-mapper and a stand-in for their VMM. The image is in it when this is made,
// unless an earlier boot of the guest left it there.
class GuestDaemon {
 public:
  // `environment` is the daemon's, "NAME=VALUE".
  explicit GuestDaemon(const std::string& dir, std::vector<std::string> environment = {});
  GuestDaemon(const GuestDaemon&) = delete;
  GuestDaemon& operator=(const GuestDaemon&) = delete;
  // Nothing of ours may be left, and the image must be what it was.
  void leave();

  [[nodiscard]] const e2e::Sandbox& banger() const { return banger_; }
  // bangerctl, which must succeed.
  void ctl(const std::vector<std::string>& words) const;
  // A bridged VM with a published port and a disk that goes beyond the image. The stand-in's guest never answers, so
  // the command doesn't wait.
  [[nodiscard]] static std::vector<std::string> create_words(const std::string& vm);
  [[nodiscard]] static std::vector<std::string> start_words(const std::string& vm) { return {"vm", "start", "-d", vm}; }
  // These words, and then until the VM runs; what failed first.
  [[nodiscard]] e2e::Ran try_up(const std::vector<std::string>& words, const std::string& vm) const;
  void up(const std::vector<std::string>& words, const std::string& vm) const;
  [[nodiscard]] Json show(const std::string& vm) const { return banger_.json({"vm", "show", vm}); }
  [[nodiscard]] std::string state(const std::string& vm) const { return show(vm).at("state"); }
  // The node of the VM's disk: only while it has one.
  [[nodiscard]] std::string node(const std::string& vm) const;
  // Events of a kind, oldest first; of one VM where it is named.
  [[nodiscard]] std::vector<Json> events(const std::string& kind, const std::string& vm = "") const;
  [[nodiscard]] std::string image_digest() const;

 private:
  e2e::Sandbox banger_;
  std::string digest_;
};

// SIGKILL to a VMM; returns when it is no more.
void kill_vmm(pid_t pid);
// What the process has open, by name.
[[nodiscard]] std::vector<std::string> open_files(pid_t pid);

// The tables of nftables that there are.
[[nodiscard]] std::string rules();
// The links that there are, but for the loopback, in no order.
[[nodiscard]] std::vector<std::string> links();

// Everything that banger may have acquired from the kernel and that the kernel itself lists: devices, loops, links, rules,
// processes but for a daemon that is up. Empty: nothing of ours.
[[nodiscard]] std::string left_beside_daemon();
// The same with the daemon, and by the tools that a person would ask, too.
[[nodiscard]] std::string left_in_kernel();

}  // namespace banger::test
