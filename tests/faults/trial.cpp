#include "tests/faults/trial.h"

#include <sys/wait.h>

#include <cstdio>
#include <random>

#include "tests/catch.h"
#include "tests/support/setting.h"

namespace banger::faults {
namespace {

constexpr int kCannotRecord = 70;  // bangerd's exit code where the log has failed

}  // namespace

std::uint64_t seed_of_run() {
  const std::uint64_t seed = test::setting("BANGER_FAULTS_SEED", std::random_device()());
  std::printf("BANGER_FAULTS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

std::uint64_t Trials::without_fault(const Fault& counts) {
  const CommandId id = ctl::fresh_command_id();
  auto daemon = begin();
  daemon->strike(counts);
  const Asked asked = request(id);
  REQUIRE(asked.why == "");
  const std::uint64_t calls = daemon->counted();
  Oracle oracle(stage_, operation_, id, asked.told);
  expected_ = look(daemon, oracle, false);
  stop(*daemon, false);
  return calls;
}

std::uint64_t Trials::recovery(std::uint64_t kill) {
  const Fault none;
  const CommandId id = ctl::fresh_command_id();
  auto daemon = begin();
  daemon->strike({.nth = kill});
  const Asked asked = request(id);
  daemon->wait();
  daemon = stage_.start_after_kill(&none);
  Oracle oracle(stage_, operation_, id, asked.told);
  (void)look(daemon, oracle, false);
  return daemon->counted();
}

Struck Trials::run(const Fault& kill, const Fault* again) {
  Struck struck;
  const CommandId id = ctl::fresh_command_id();
  auto daemon = begin();
  daemon->strike(kill);
  const Asked asked = request(id);
  struck.first = daemon->relent();
  if (!struck.first && !asked.why.empty()) FAIL(asked.why << "\n" << stage_.told());
  if (struck.first) {
    daemon->wait();
    daemon = stage_.start_after_kill(again);
  }
  INFO((struck.first ? "killed" : "not killed") << (asked.told ? " after the answer" : ""));
  Oracle oracle(stage_, operation_, id, asked.told);
  const Traced* second = again ? daemon.get() : nullptr;
  const Seen seen = look(daemon, oracle, second != nullptr);
  struck.second = second != nullptr && (second != daemon.get() || daemon->relent());
  if (seen != expected_) FAIL("without the fault:\n" << describe(expected_) << "\nwith it:\n" << describe(seen) << stage_.told());
  stop(*daemon, struck.second && second == daemon.get());
  return struck;
}

Struck Trials::run_failing(const Fault& failure) {
  Struck struck;
  const CommandId id = ctl::fresh_command_id();
  auto daemon = begin();
  daemon->strike(failure);
  const Asked asked = request(id);
  struck.first = daemon->relent();
  struck.told = !asked.why.empty();
  INFO((struck.first ? "it came" : "it did not come") << ", " << (asked.told ? "accepted" : "not accepted") << ": " << asked.why);
  if (!struck.first) REQUIRE(asked.why == "");
  if (connect(stage_)->connect()) {
    if (!asked.told) CHECK(asked.why != "");
  } else {
    struck.ended = true;
    const int status = daemon->wait();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != kCannotRecord) FAIL("it ended with status " << status << "\n" << stage_.told());
    daemon = stage_.start_after_kill();
  }
  Oracle oracle(stage_, operation_, id, asked.told, Oracle::Failures::kMayBe);
  Seen seen = look(daemon, oracle, false);
  seen.events = expected_.events;  // which depend on what has failed
  if (seen != expected_) FAIL("without the fault:\n" << describe(expected_) << "\nwith it:\n" << describe(seen) << stage_.told());
  stop(*daemon, false);
  return struck;
}

std::unique_ptr<Traced> Trials::begin() {
  stage_.restore(operation_.from);
  auto daemon = stage_.start();
  REQUIRE(Stage::said(*daemon) == "ready");
  return daemon;
}

Trials::Asked Trials::request(const CommandId& id) const {
  const auto session = connect(stage_);
  const auto told = operation_.ask(*session, id);
  if (!told) return {std::nullopt, told.error().message};
  const auto done = await(*session, operation_.done);
  return {*told, done ? "" : done.error().message};
}

Seen Trials::look(std::unique_ptr<Traced>& daemon, Oracle& oracle, bool may_die) const {
  for (;;) {
    const auto session = connect(stage_);
    const auto seen = oracle.look(*session);
    if (seen) return *seen;
    if (!std::exchange(may_die, false) || !daemon->struck()) FAIL(seen.error().message << "\n" << stage_.told());
    daemon->wait();
    daemon = stage_.start_after_kill();
  }
}

void Trials::stop(Traced& daemon, bool may_die) const {
  const auto session = connect(stage_);
  (void)session->call([](schema::Control::Client control) { return control.stopRequest().send(); });
  const int status = daemon.wait();
  if (may_die) return;
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
}

void Score::print() const {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  std::printf("%-22s %5llu calls: %llu trials, %llu struck once, %llu twice, %llu told, %llu daemons ended; %.1f s, %.1f a second\n",
              name_.c_str(), static_cast<unsigned long long>(calls_), static_cast<unsigned long long>(trials_),
              static_cast<unsigned long long>(once_), static_cast<unsigned long long>(twice_),
              static_cast<unsigned long long>(told_), static_cast<unsigned long long>(ended_), seconds,
              static_cast<double>(trials_) / seconds);
  std::fflush(stdout);
}

}  // namespace banger::faults
