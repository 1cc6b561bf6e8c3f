// SIGKILL of bangerd before each of its system calls, while one request is asked, recorded and done; and again while the next daemon
// recovers from it. scripts/soak --kills makes all of the first; here it is a sample, new each time.
//   BANGER_FAULTS_SEED   the sample's, which is printed
//   BANGER_FAULTS_KILLS  of each request; 0: before every system call, each with a second kill
#include "tests/catch.h"
#include "tests/faults/trial.h"
#include "tests/support/random.h"
#include "tests/support/setting.h"

namespace banger::faults {
namespace {

TEST_CASE("killed before any system call of a request, and again before any of the recovery") {
  const std::uint64_t seed = seed_of_run();
  test::Dice dice(seed);
  const std::uint64_t sample = test::setting("BANGER_FAULTS_KILLS", 25);
  Stage stage;
  for (const Operation& operation : operations()) {
    Trials trials(stage, operation);
    const std::uint64_t calls = trials.without_fault();
    const std::uint64_t recovery = trials.recovery(calls / 2);
    Score score(std::string("kills, ") + operation.name, calls);
    // A run does not make the same calls each time: the sweep goes on until a request is done before its kill.
    for (std::uint64_t n = 1; sample == 0 || n <= sample; ++n) {
      const Fault kill{.nth = sample == 0 ? n : 1 + dice.below(calls)};
      const Fault again{.nth = 1 + dice.below(recovery)};
      INFO("BANGER_FAULTS_SEED=" << seed << ": " << operation.name << ", kill " << kill.nth);
      const Struck struck = trials.run(kill, nullptr);
      score.add(struck);
      INFO("and " << again.nth << " of the recovery");
      if (struck.first) score.add(trials.run(kill, &again));
      if (sample == 0 && n > calls && !struck.first) break;
    }
    score.print();
  }
}

}  // namespace
}  // namespace banger::faults
