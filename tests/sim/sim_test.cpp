// Many runs of the simulation, and the proof that a seed is a run. BANGER_SIM_SEEDS: how many; BANGER_SIM_FROM: the first.
// BANGER_SIM_SEED: only that one, and everything that happens in it.
#include <spdlog/spdlog.h>

#include <cstdio>

#include "tests/catch.h"
#include "tests/sim/simulation.h"
#include "tests/support/setting.h"

using namespace banger;
using namespace banger::sim;
using banger::test::setting;

namespace {

// The failure as short as it gets, and how to have it again.
std::string explain(const Scenario& scenario, const Verdict& verdict) {
  const Scenario shortest = shrink(scenario, verdict.failure);
  std::string text = "seed " + std::to_string(scenario.seed) + ": " + verdict.failure + "\nagain: BANGER_SIM_SEED=" +
                     std::to_string(scenario.seed) + " build/dev/tests/sim_test\nwith as little as this:\n";
  for (const std::string& line : simulate(shortest, true).trace) text += "  " + line + "\n";
  return text;
}

}  // namespace

TEST_CASE("whatever befalls, nothing is lost, leaked or done twice") {
  spdlog::set_level(spdlog::level::off);
  const std::uint64_t one = setting("BANGER_SIM_SEED", 0);
  const std::uint64_t from = one != 0 ? one : setting("BANGER_SIM_FROM", 1);
  const std::uint64_t seeds = one != 0 ? 1 : setting("BANGER_SIM_SEEDS", 10'000);
  std::uint64_t events = 0, steps = 0, lives = 0, digest = 0;
  for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
    const Scenario scenario = make_scenario(seed);
    const Verdict verdict = simulate(scenario, one != 0);
    for (const std::string& line : verdict.trace) std::printf("%s\n", line.c_str());
    if (!verdict.failure.empty()) FAIL(explain(scenario, verdict));
    events += verdict.events;
    steps += verdict.steps;
    lives += verdict.lives;
    digest = digest * 31 + verdict.digest;
  }
  std::printf("%llu seeds: %llu events, %llu steps, %llu daemons, digest %016llx\n", static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(steps),
              static_cast<unsigned long long>(lives), static_cast<unsigned long long>(digest));
}

TEST_CASE("the same seed is the same run, bit for bit") {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Verdict first = simulate(make_scenario(seed), true);
    const Verdict second = simulate(make_scenario(seed), true);
    CHECK(first.digest == second.digest);
    CHECK(first.trace == second.trace);
  }
  CHECK(simulate(make_scenario(1)).digest != simulate(make_scenario(2)).digest);
}
