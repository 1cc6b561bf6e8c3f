// VMs on stand-in VMMs come and go, many at a time, and the daemon must not grow by it: files, threads, ports, loops and taps
// are counted after a warm-up and at the end, and must be the same; a round has the same number of events at first and at last.
// scripts/soak is the long one. BANGER_SOAK_ROUNDS and BANGER_SOAK_AT_ONCE say how much.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "tests/catch.h"
#include "tests/soak/census.h"

namespace banger::soak {
namespace {

using e2e::Sandbox;

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// What the daemon may have more of at the end, in its own memory. The memtables hold what was appended until they are
// flushed (db_write_buffer_size in events/log/store.cpp), then blocks of its files are cached (8 MiB for each of the column
// families that are read, two or three of them here). All of that is there once only, however many the rounds: of a
// thousand, a leak of 48 KiB a round does not fit in. The sanitizers' allocator keeps freed memory besides (quarantine_size_mb).
constexpr std::uint64_t kMoreMemoryKib = (16 + 24) * 1024;

// One VM after another, each created, started, stopped and deleted, a command of bangerctl's at a time.
class Users {
 public:
  Users(const Sandbox& banger, std::uint64_t at_once) : banger_(banger), at_once_(at_once) {}

  void run(std::uint64_t rounds) {
    const std::uint64_t until = begun_ + rounds;
    while (begun_ < until && under_way_.size() < at_once_) step(begun_++, 0);
    while (!under_way_.empty()) {
      siginfo_t info{};
      REQUIRE(::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
      const auto ended = under_way_.find(info.si_pid);
      REQUIRE(ended != under_way_.end());
      const auto [round, at] = ended->second;
      under_way_.erase(ended);
      INFO("round " << round << ", step " << at);
      REQUIRE(Sandbox::finish(info.si_pid) == 0);
      if (at + 1 < kSteps) {
        step(round, at + 1);
      } else if (begun_ < until) {
        step(begun_++, 0);
      }
    }
  }

 private:
  static constexpr std::size_t kSteps = 4;

  void step(std::uint64_t round, std::size_t at) {
    const std::string vm = "vm" + std::to_string(round);
    const std::vector<std::string> steps[kSteps] = {
        {"vm", "create", "--no-start", "--name", vm, "--image", "base", "--memory", "64M", "--disk", "16M"},
        {"vm", "start", vm},
        {"vm", "stop", vm},
        {"vm", "rm", vm}};
    under_way_[banger_.begin(steps[at], banger_.dir() + "/users.log")] = {round, at};
  }

  const Sandbox& banger_;
  std::uint64_t at_once_;
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

}  // namespace

TEST_CASE("VMs that come and go leave the daemon as it was") {
  const std::uint64_t rounds = setting("BANGER_SOAK_ROUNDS", 48);
  const std::uint64_t at_once = setting("BANGER_SOAK_AT_ONCE", 16);
  // Until every worker thread has been needed and every file that stays open was opened.
  const std::uint64_t warm_up = std::max(at_once, std::min<std::uint64_t>(rounds / 4, 128));
  REQUIRE(at_once > 0);
  REQUIRE(rounds > warm_up);
  ::setenv("ASAN_OPTIONS", "quarantine_size_mb=8:detect_leaks=0", 1);
  Sandbox banger("tick_ms = 500\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n[log]\nshadow_fold_s = 0\n");
  banger.make_stub_image();
  // The count sees a VM that is there.
  REQUIRE(banger.ctl({"vm", "create", "--name", "witness", "--image", "base", "--memory", "64M"}).code == 0);
  const Census one = take_census(banger);
  CHECK(one.vms == 1);
  CHECK(one.ports == 1);
  CHECK(one.vmms == 1);
  CHECK(one.directories == 1);
  REQUIRE(banger.ctl({"vm", "rm", "-f", "witness"}).code == 0);
  Users users(banger, at_once);

  const std::uint64_t first_head = take_census(banger).head;
  users.run(warm_up);
  Census before;
  // A connection that its client has closed is closed by the daemon a moment later.
  CHECK(e2e::eventually([&] {
    const Census now = take_census(banger);
    return std::exchange(before, now).same_as(now);
  }));
  users.run(rounds - warm_up);
  Census after;
  const bool same = e2e::eventually([&] { return (after = take_census(banger)).same_as(before); });
  print_table(before, after, warm_up, rounds);
  CHECK(same);
  CHECK(after.vms == 0);
  CHECK(after.ports == 0);
  CHECK(after.vmms == 0);
  CHECK(after.directories == 0);
  CHECK(after.loops == 0);
  CHECK(after.taps == 0);
  CHECK(after.corrections == 0);  // nothing had to be put right: every step was done where it was due
  CHECK((before.head - first_head) % warm_up == 0);
  const std::uint64_t events = (before.head - first_head) / warm_up;
  CHECK(after.head - before.head == events * (rounds - warm_up));
  std::printf("%-20s %14llu\n", "events a round", static_cast<unsigned long long>(events));
  CHECK(after.memory_kib < before.memory_kib + kMoreMemoryKib);
  CHECK(banger.json({"log", "verify"}).at("ok") == true);
  CHECK(banger.leave() == "");
}

}  // namespace banger::soak
