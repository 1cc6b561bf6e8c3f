#include "tests/soak/rounds.h"

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <map>

#include "tests/catch.h"
#include "tests/support/setting.h"

namespace banger::soak {
namespace {

using e2e::Sandbox;
using test::setting;

// What the daemon may have more of at the end, in its own memory. The memtables hold what was appended until they are
// flushed (db_write_buffer_size in events/log/store.cpp), then blocks of its files are cached (8 MiB for each of the column
// families that are read, two or three of them here). All of that is there once only, however many the rounds: of a
// thousand, a leak of 48 KiB a round does not fit in. The sanitizers' allocator keeps freed memory besides (quarantine_size_mb).
constexpr std::uint64_t kMoreMemoryKib = (16 + 24) * 1024;

std::vector<std::string> create_words(const std::string& vm, const std::string& net) {
  return {"vm", "create", "--no-start", "--name", vm, "--image", "base", "--memory", "64M", "--disk", "16M", "--net", net};
}

// One VM after another, a command of bangerctl's at a time.
class Users {
 public:
  Users(const Sandbox& banger, const Rounds& rounds) : banger_(banger), rounds_(rounds) {}

  void run(std::uint64_t rounds) {
    const std::uint64_t until = begun_ + rounds;
    while (begun_ < until && under_way_.size() < rounds_.at_once) (void)step(begun_++, 0);
    while (!under_way_.empty()) {
      siginfo_t info{};
      REQUIRE(::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
      const auto ended = under_way_.find(info.si_pid);
      REQUIRE(ended != under_way_.end());
      const auto [round, at] = ended->second;
      under_way_.erase(ended);
      std::ifstream said(banger_.dir() + "/users.log");
      INFO("round " << round << ", step " << at << "; users were told:\n" << said.rdbuf());
      REQUIRE(Sandbox::finish(info.si_pid) == 0);
      if (!step(round, at + 1) && begun_ < until) (void)step(begun_++, 0);
    }
  }

 private:
  // False: that life is over.
  bool step(std::uint64_t round, std::size_t at) {
    const auto steps = rounds_.lives[round % rounds_.lives.size()]("vm" + std::to_string(round));
    if (at == steps.size()) return false;
    under_way_[banger_.begin(steps[at], banger_.dir() + "/users.log")] = {round, at};
    return true;
  }

  const Sandbox& banger_;
  const Rounds& rounds_;
  std::uint64_t begun_ = 0;
  std::map<pid_t, std::pair<std::uint64_t, std::size_t>> under_way_;
};

void print_table(const Census& before, const Census& after, std::uint64_t warm_up, std::uint64_t rounds) {
  std::printf("%-20s %14s %14s\n", "", ("after " + std::to_string(warm_up)).c_str(),
              ("after " + std::to_string(rounds)).c_str());
  for (const Row& row : rows_of(before, after)) {
    std::printf("%-20s %14llu %14llu\n", row.name, static_cast<unsigned long long>(row.before),
                static_cast<unsigned long long>(row.after));
  }
}

// The census sees a VM that is there: one of each life, as far as its start.
void see_witnesses(const Sandbox& banger, const Rounds& rounds) {
  std::vector<std::string> remove{"vm", "rm", "-f"};
  for (const Life& life : rounds.lives) {
    const std::string& name = remove.emplace_back("witness" + std::to_string(remove.size()));
    for (const auto& words : life(name)) {
      if (words[1] == "stop" || words[1] == "rm") continue;
      REQUIRE(banger.ctl(words).code == 0);
    }
  }
  const Census seen = take_census(banger);
  std::size_t bridged = 0;
  for (const auto& vm : banger.json({"vm", "ls"})) bridged += vm.at("settings").at("net") == "bridge" ? 1 : 0;
  CHECK(seen.vms == rounds.lives.size());
  CHECK(seen.vmms == rounds.lives.size());
  CHECK(seen.directories == rounds.lives.size());
  CHECK(seen.ports == rounds.lives.size() - bridged);
  CHECK(seen.addresses == bridged);
  CHECK(seen.taps == bridged);
  // Where disks are devices at all: loops for the VM's writes and for what goes beyond the image, and one for the image of all.
  CHECK((seen.devices == 0 || seen.devices == rounds.lives.size()));
  CHECK(seen.loops == (seen.devices == 0 ? 0 : 2 * seen.devices + 1));
  REQUIRE(banger.ctl(remove).code == 0);
}

void nothing_is_left(const Census& census) {
  CHECK(census.vms == 0);
  CHECK(census.ports == 0);
  CHECK(census.addresses == 0);
  CHECK(census.vmms == 0);
  CHECK(census.directories == 0);
  CHECK(census.loops == 0);
  CHECK(census.devices == 0);
  CHECK(census.taps == 0);
  CHECK(census.under_way == 0);
  CHECK(census.corrections == 0);  // nothing had to be put right: every step was done where it was due
}

}  // namespace

Life user_life() {
  return [](const std::string& vm) -> std::vector<std::vector<std::string>> {
    return {create_words(vm, "user"), {"vm", "start", vm}, {"vm", "stop", vm}, {"vm", "rm", vm}};
  };
}

Life bridged_life() {
  return [](const std::string& vm) -> std::vector<std::vector<std::string>> {
    return {create_words(vm, "bridge"), {"vm", "start", "-d", vm}, {"vm", "wait", vm, "--for", "running"}, {"vm", "stop", vm},
            {"vm", "rm", vm}};
  };
}

Rounds rounds_of(std::vector<Life> lives, std::uint64_t count, std::uint64_t at_once) {
  return {std::move(lives), setting("BANGER_SOAK_ROUNDS", count), setting("BANGER_SOAK_AT_ONCE", at_once)};
}

void live_through(const Sandbox& banger, const Rounds& rounds) {
  const std::uint64_t kinds = rounds.lives.size();
  REQUIRE(rounds.at_once > 0);
  REQUIRE(rounds.count % kinds == 0);
  // Until every worker thread has been needed and every file that stays open was opened.
  std::uint64_t warm_up = std::max(rounds.at_once, std::min<std::uint64_t>(rounds.count / 4, 128));
  warm_up = (warm_up + kinds - 1) / kinds * kinds;
  REQUIRE(rounds.count > warm_up);
  see_witnesses(banger, rounds);
  Users users(banger, rounds);

  const std::uint64_t first_head = take_census(banger).head;
  users.run(warm_up);
  Census before;
  // A connection that its client has closed is closed by the daemon a moment later, and the bridge goes after its last guest.
  CHECK(e2e::eventually([&] {
    const Census now = take_census(banger);
    return std::exchange(before, now).same_as(now) && now.under_way == 0;
  }));
  users.run(rounds.count - warm_up);
  Census after;
  const bool same = e2e::eventually([&] { return (after = take_census(banger)).same_as(before); });
  print_table(before, after, warm_up, rounds.count);
  CHECK(same);
  INFO(banger.ctl({"events", "ls", "--kind", "drift_corrected", "-o", "json"}).out);
  nothing_is_left(after);
  const std::uint64_t lives = warm_up / kinds;  // of each kind
  CHECK((before.head - first_head) % lives == 0);
  const std::uint64_t events = (before.head - first_head) / lives;
  CHECK(after.head - before.head == events * (rounds.count / kinds - lives));
  std::printf("%-20s %14.1f\n", "events a round", static_cast<double>(events) / static_cast<double>(kinds));
  CHECK(after.memory_kib < before.memory_kib + kMoreMemoryKib);
  CHECK(banger.json({"log", "verify"}).at("ok") == true);
}

}  // namespace banger::soak
