// The Nth write, sync, open for writing or rename of bangerd in its data directory fails, once or from then on, while one request is
// asked and done. It is refused or told to have failed, or the daemon ends; and once the fault is over all can be done, by the same
// daemon or by the next, and nothing is lost, doubled or left. scripts/soak --kills makes all of them; here it is a sample, new each time.
//   BANGER_FAULTS_SEED   the sample's, which is printed
//   BANGER_FAULTS_FAILS  how many (60); 0: each call of each kind fails with each error, once and for ever
#include <cerrno>
#include <cstring>

#include "tests/catch.h"
#include "tests/faults/trial.h"
#include "tests/support/random.h"
#include "tests/support/setting.h"

namespace banger::faults {
namespace {

using Calls = Fault::Calls;

struct Kind {
  const char* name;
  Calls calls;
};
constexpr Kind kKinds[] = {{"write", Calls::kWrite}, {"sync", Calls::kSync}, {"open", Calls::kOpen}, {"rename", Calls::kRename}};

// An exec writes nothing but the log, as all of the others do.
std::vector<const Operation*> lives() {
  std::vector<const Operation*> all;
  for (const Operation& operation : operations()) {
    if (std::string(operation.name) != "exec") all.push_back(&operation);
  }
  return all;
}

// All faults of one kind that there are in one request.
std::vector<Fault> faults_of(Trials& trials, Calls calls, const std::string& below) {
  std::vector<Fault> all;
  const std::uint64_t count = trials.without_fault({.calls = calls, .then = Fault::Then::kFail, .below = below});
  for (std::uint64_t nth = 1; nth <= count; ++nth) {
    for (int error : {ENOSPC, EIO}) {
      for (bool for_ever : {false, true}) {
        all.push_back({.calls = calls, .then = Fault::Then::kFail, .nth = nth, .error = error, .for_ever = for_ever, .below = below});
      }
    }
  }
  return all;
}

TEST_CASE("any write, sync, open or rename of a request fails, once or from then on") {
  const std::uint64_t seed = seed_of_run();
  test::Dice dice(seed);
  const std::uint64_t sample = test::setting("BANGER_FAULTS_FAILS", 60);
  Stage stage;
  const std::size_t rounds = lives().size() * std::size(kKinds);
  for (const Operation* operation : lives()) {
    for (const Kind& kind : kKinds) {
      Trials trials(stage, *operation);
      const auto all = faults_of(trials, kind.calls, stage.banger().data());
      Score score(std::string(kind.name) + " fails, " + operation->name, all.size() / 4);
      std::vector<Fault> chosen = all;
      if (sample != 0) {
        chosen.clear();
        for (std::size_t i = 0; i < sample / rounds + 1 && !all.empty(); ++i) chosen.push_back(all[dice.below(all.size())]);
      }
      for (const Fault& fault : chosen) {
        INFO("BANGER_FAULTS_SEED=" << seed << ": " << operation->name << ", " << kind.name << " " << fault.nth << " fails with "
                                   << std::strerror(fault.error) << (fault.for_ever ? " from then on" : ""));
        score.add(trials.run_failing(fault));
      }
      score.print();
    }
  }
}

// RocksDB writes what it does into a file of its own, and took a second failure of that for a mistake: it aborted.
TEST_CASE("where nothing can be written any more the daemon ends by its own word") {
  Stage stage;
  Trials trials(stage, operations().front());
  const std::string below = stage.banger().data();
  REQUIRE(trials.without_fault({.calls = Calls::kWrite, .then = Fault::Then::kFail, .below = below}) > 0);
  const Struck struck = trials.run_failing(
      {.calls = Calls::kWrite, .then = Fault::Then::kFail, .nth = 1, .error = ENOSPC, .for_ever = true, .below = below});
  CHECK(struck.ended);
}

}  // namespace
}  // namespace banger::faults
