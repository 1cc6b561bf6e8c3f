// One run: the shipped runtime (engine, reconciler, projections) on a simulated loop, log's disk, host and clients, from a
// scenario to a verdict. No thread, no real time, no I/O; the same scenario gives the same run, bit for bit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace banger::sim {

struct Verdict {
  std::string failure;        // what an oracle saw; empty: nothing
  std::uint64_t digest = 0;   // of all that happened
  std::uint64_t events = 0;
  std::uint64_t steps = 0;
  std::uint64_t lives = 0;    // daemons
  std::vector<std::string> trace;  // where it was asked for
};

[[nodiscard]] Verdict simulate(const Scenario& scenario, bool trace = false);

// The same failure with as few of the actions as can be found by leaving them out.
[[nodiscard]] Scenario shrink(const Scenario& scenario, const std::string& failure);

}  // namespace banger::sim
