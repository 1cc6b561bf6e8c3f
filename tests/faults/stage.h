// Stage: a private banger whose state can be put back as it was prepared, so that each fault begins from the same place. It lies
// on a tmpfs of its own: what is written outlives a killed process as on any file system, and nothing waits for a disk.
// Its programs are without sanitizers.
#pragma once

#include <memory>
#include <optional>

#include "tests/e2e/sandbox.h"
#include "tests/faults/traced.h"
#include "tests/support/child.h"

namespace banger::faults {

inline constexpr const char* kVm = "web";

// What there is when a fault's trial begins: no VM, one that was never started, one whose guest has answered.
enum class Prepared { kEmpty, kCreated, kReady };

class Stage {
 public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Ends what is there and puts this state back, with a VMM for a VM that is up.
  void restore(Prepared state);
  // bangerd; it has not said yet that it is ready.
  [[nodiscard]] std::unique_ptr<Traced> start(const Fault* from_start = nullptr) const;
  // The line that a daemon says to whoever started it; empty where it ended before. Waits for it.
  [[nodiscard]] static std::string said(const Traced& daemon);
  // start() until it does not find the directory taken: children of one that was killed hold it until their exec.
  [[nodiscard]] std::unique_ptr<Traced> start_after_kill(const Fault* from_start = nullptr) const;

  [[nodiscard]] const e2e::Sandbox& banger() const { return *banger_; }
  [[nodiscard]] std::string socket() const { return banger_->dir() + "/run/bangerd.sock"; }
  // Names of all files that banger has, one a line, but for those of the database, its ballast and the daemon's log.
  [[nodiscard]] std::string files() const;
  [[nodiscard]] std::size_t vmms() const { return banger_->processes_of("banger-stub-vmm").size(); }
  // What the daemons have said since restore().
  [[nodiscard]] std::string told() const;

 private:
  void save(Prepared state) const;
  void end_vmms();

  std::string dir_;
  std::unique_ptr<e2e::Sandbox> banger_;
  std::vector<std::string> vmm_argv_;
  std::optional<test::Child> vmm_;
};

}  // namespace banger::faults
