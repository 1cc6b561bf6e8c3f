// Runs the simulation, with a bug planted in it, until an oracle sees it: sim_hunt_NAME [SEEDS]. Prints at which seed and what;
// exits 0 where it was found.
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/simulation.h"

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  const unsigned long long seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000;
  for (unsigned long long seed = 1; seed <= seeds; ++seed) {
    const auto verdict = banger::sim::simulate(banger::sim::make_scenario(seed));
    if (verdict.failure.empty()) continue;
    std::printf("found at seed %llu: %s\n", seed, verdict.failure.c_str());
    return 0;
  }
  std::printf("NOT FOUND in %llu seeds\n", seeds);
  return 1;
}
