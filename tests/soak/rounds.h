// Rounds: VMs that are created, started, stopped and deleted, many at a time, by a command of bangerctl's each; and a
// daemon that must not grow by it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/soak/census.h"

namespace banger::soak {

// What is done to a VM, in turn. `vm` is its name.
using Life = std::function<std::vector<std::vector<std::string>>(const std::string& vm)>;

// A VM on user networking, and one on the bridge, whose stand-in for a guest never answers.
[[nodiscard]] Life user_life();
[[nodiscard]] Life bridged_life();

struct Rounds {
  std::vector<Life> lives;  // in turn
  std::uint64_t count = 0;
  std::uint64_t at_once = 0;
};

// `count` and `at_once` from BANGER_SOAK_ROUNDS and BANGER_SOAK_AT_ONCE where they are set.
[[nodiscard]] Rounds rounds_of(std::vector<Life> lives, std::uint64_t count, std::uint64_t at_once);

// In a sandbox that has the image "base" and no VM. After a warm-up and at the end everything of a census that must be the same is
// the same, and nothing is left; a life has the same number of events at first and at last. Prints a table of both.
void live_through(const e2e::Sandbox& banger, const Rounds& rounds);

}  // namespace banger::soak
