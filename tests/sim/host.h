// The simulated host: what a kernel would hold, and nothing of what anybody thinks of it. Pids come again at once.
// Oracles that need nobody's opinion sit here: no VM runs twice, and what is foreign is not touched.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "engine/guest_network.h"
#include "engine/observation.h"
#include "tests/sim/failure.h"

namespace banger::sim {

struct Process {
  std::uint64_t start_ticks = 0;
  VmId vm;  // of which its argv speaks; none: it is foreign
  std::uint32_t incarnation = 0;
  bool stray = false;  // nobody of ours started it
};

// What the kernel and the file system hold for a VM.
struct Things {
  bool directory = false;
  bool loop = false;
  bool device = false;
  bool tap = false;

  [[nodiscard]] bool handles() const { return loop || device || tap; }
  friend bool operator==(const Things&, const Things&) = default;
};

struct Bridge {
  GuestNetwork rules;
  std::uint64_t left_by = 0;  // the daemon's life; 0: somebody changed it

  friend bool operator==(const Bridge&, const Bridge&) = default;
};

class Host {
 public:
  Host();

  // A VMM, which nothing but a stray may double.
  std::int32_t spawn(VmId vm, std::uint32_t incarnation, bool stray = false);
  [[nodiscard]] bool runs(const ProcessIdentity& process) const;
  // By pid and start time: true where that process was there. A foreign one must not be.
  bool kill(const ProcessIdentity& process);
  // By pid alone, whoever that is by now.
  void kill_pid(std::int32_t pid);
  [[nodiscard]] std::vector<VmmSighting> vmms_of(VmId vm) const;
  // Whether ours was ever started, and whether it runs now.
  [[nodiscard]] bool ever_ran(VmId vm, std::uint32_t incarnation) const { return spawned_.contains({vm, incarnation}); }
  [[nodiscard]] bool runs_now(VmId vm, std::uint32_t incarnation) const;
  [[nodiscard]] ProcessIdentity identity(std::int32_t pid) const { return {boot_, pid, processes_.at(pid).start_ticks}; }

  // Somebody else's process ends, and another one begins: so pids come again.
  void strangers_come_and_go();
  // Power lost: processes and all that the kernel held.
  void reboot();

  [[nodiscard]] BootId boot() const { return boot_; }
  [[nodiscard]] const std::map<std::int32_t, Process>& processes() const { return processes_; }
  std::map<VmId, Things> things;
  std::set<ImageId> images;
  std::optional<Bridge> bridge;
  std::set<std::uint16_t> busy_ports;  // somebody else's

  // What is there of a VM, in words; empty: nothing.
  [[nodiscard]] std::string of_vm(VmId vm) const;

 private:
  void start_strangers();

  BootId boot_{7, 1};
  std::uint64_t ticks_ = 0;
  std::map<std::int32_t, Process> processes_;
  std::set<std::pair<VmId, std::uint32_t>> spawned_;
};

// The host as a look at it by the daemon of this life would show it, all at one moment.
[[nodiscard]] Observation look_at(const Host& host, std::uint64_t life);

}  // namespace banger::sim
