// Two daemons are started for one store at the same moment: one serves, the other says who does, ends, and has touched nothing.
//   BANGER_FAULTS_RACES  how many times (100)
#include <sys/wait.h>

#include <chrono>
#include <cstdio>

#include "tests/catch.h"
#include "tests/faults/operation.h"
#include "tests/support/setting.h"

namespace banger::faults {
namespace {

// The loser of a race.
void must_have_lost(Traced& daemon, const std::string& word, pid_t winner) {
  INFO(word);
  CHECK(word.starts_with("busy: another bangerd (pid " + std::to_string(winner) + ") serves "));
  const int status = daemon.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

pid_t pid_of_server(const Stage& stage) {
  const auto session = connect(stage);
  REQUIRE(session->connect());
  return session->info().getPid();
}

void stop(const Stage& stage, Traced& daemon) {
  const auto session = connect(stage);
  REQUIRE(session->call([](schema::Control::Client control) { return control.stopRequest().send(); }));
  CHECK(daemon.wait() == 0);
}

}  // namespace

TEST_CASE("of two daemons that start at the same moment one serves") {
  const std::uint64_t races = test::setting("BANGER_FAULTS_RACES", 100);
  Stage stage;
  stage.restore(Prepared::kCreated);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t first_won = 0;
  for (std::uint64_t race = 0; race < races; ++race) {
    INFO("race " << race);
    const auto one = stage.start();
    const auto other = stage.start();
    const std::string word = Stage::said(*one), other_word = Stage::said(*other);
    const bool first = word == "ready";
    INFO("one: " << word << ", the other: " << other_word);
    REQUIRE((first ? word : other_word) == "ready");
    first_won += first ? 1 : 0;
    Traced& winner = first ? *one : *other;
    must_have_lost(first ? *other : *one, first ? other_word : word, winner.pid());
    CHECK(pid_of_server(stage) == winner.pid());
    stop(stage, winner);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf("races: %llu, %llu won by the first, %.1f s\n", static_cast<unsigned long long>(races),
              static_cast<unsigned long long>(first_won), seconds);
  const auto last = stage.start();
  REQUIRE(Stage::said(*last) == "ready");
  CHECK(await(*connect(stage), ctl::down_yet));
  CHECK(stage.banger().json({"log", "verify"}).at("ok") == true);
  stop(stage, *last);
}

TEST_CASE("a daemon that finds another touches nothing") {
  Stage stage;
  stage.restore(Prepared::kCreated);
  using enum Fault::Calls;
  for (const Fault::Calls calls : {kWrite, kSync, kOpen, kRename}) {
    const Fault counts{.calls = calls, .below = stage.banger().data()};
    const auto winner = stage.start(&counts);
    REQUIRE(Stage::said(*winner) == "ready");
    const auto loser = stage.start(&counts);
    must_have_lost(*loser, Stage::said(*loser), winner->pid());
    CHECK(loser->counted() == 0);
    CHECK(winner->counted() > 0);
    CHECK(winner->pid() == stage.banger().daemon());
    stop(stage, *winner);
  }
}

}  // namespace banger::faults
