// Trial: from a prepared state, one request to a daemon with a fault in one of its system calls, and what is found after it.
#pragma once

#include <chrono>

#include "tests/faults/oracle.h"

namespace banger::faults {

// BANGER_FAULTS_SEED, or one that was never used before; printed once.
[[nodiscard]] std::uint64_t seed_of_run();

// Whether the faults came before all was done, and what the daemon made of one that it could have lived through.
struct Struck {
  bool first = false;
  bool second = false;
  bool told = false;   // the request was refused, or what came of it is an error that says why
  bool ended = false;  // the daemon, because it could not record
};

class Trials {
 public:
  Trials(Stage& stage, const Operation& operation) : stage_(stage), operation_(operation) {}

  // What the others are held against; gives how many calls `counts` counts. First.
  [[nodiscard]] std::uint64_t without_fault(const Fault& counts = {});
  // The calls of a daemon that begins where another was killed, until all is as it should be.
  [[nodiscard]] std::uint64_t recovery(std::uint64_t kill);
  // A kill while the request is asked and done, and one in the recovery; fails the test where something does not hold.
  Struck run(const Fault& kill, const Fault* again);
  // A call that fails while the request is asked and done, and is over then.
  Struck run_failing(const Fault& failure);

 private:
  // A daemon that serves the prepared state.
  [[nodiscard]] std::unique_ptr<Traced> begin();
  // Asks, and waits until it is done, or has failed, or the daemon is gone.
  struct Asked {
    std::optional<Told> told;
    std::string why;  // empty: it is done
  };
  [[nodiscard]] Asked request(const CommandId& id) const;
  [[nodiscard]] Seen look(std::unique_ptr<Traced>& daemon, Oracle& oracle, bool may_die) const;
  void stop(Traced& daemon, bool may_die) const;

  Stage& stage_;
  const Operation& operation_;
  Seen expected_;
};

// Counts trials and prints a line of them.
class Score {
 public:
  Score(std::string name, std::uint64_t calls) : name_(std::move(name)), calls_(calls) {}
  void add(const Struck& struck) {
    ++trials_;
    once_ += struck.first && !struck.second ? 1 : 0;
    twice_ += struck.second ? 1 : 0;
    told_ += struck.told ? 1 : 0;
    ended_ += struck.ended ? 1 : 0;
  }
  void print() const;

 private:
  std::string name_;
  std::uint64_t calls_;
  std::uint64_t trials_ = 0, once_ = 0, twice_ = 0, told_ = 0, ended_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace banger::faults
