#include "drivers/observe/process.h"

#include <poll.h>

#include <filesystem>

#include "tests/catch.h"
#include "tests/support/child.h"

namespace banger::observe {
namespace {

using test::Child;

std::string stat_line(const std::string& name, const std::string& state, const std::string& start) {
  return "12 (" + name + ") " + state + " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 " + start +
         " 5 6\n";
}

TEST_CASE("stat is parsed after its last bracket") {
  std::string name = GENERATE("qemu", "a b", ") S 1 (", "))))", "", "\n");
  auto stat = parse_stat(stat_line(name, "S", "987654321"));
  REQUIRE(stat);
  CHECK(stat->state == 'S');
  CHECK(stat->start_ticks == 987654321);
  CHECK_FALSE(stat->ended());
}

TEST_CASE("what is not a stat line gives nothing") {
  std::string whole = stat_line("x", "Z", "77");
  CHECK(parse_stat(whole)->ended());
  for (std::size_t i = 0; i < whole.size() - 5; ++i) CHECK_FALSE(parse_stat(whole.substr(0, i)));
  CHECK_FALSE(parse_stat(stat_line("x", "S", "-1")));
  CHECK_FALSE(parse_stat(stat_line("x", "S", "18446744073709551616")));
  CHECK_FALSE(parse_stat(stat_line("x", "S", "")));
}

TEST_CASE("this boot has an id and a kernel") {
  REQUIRE(boot_id());
  CHECK(*boot_id());
  CHECK(*boot_id() == *boot_id());
  CHECK_FALSE(kernel_release()->empty());
}

TEST_CASE("a process is held by its identity, and by nothing less") {
  BootId boot = *boot_id();
  Child child("/bin/sleep", {"sleep", "60"});
  auto identity = identity_of(child.pid(), boot);
  REQUIRE(identity);
  CHECK(liveness_of(*identity) == Liveness::kAlive);
  REQUIRE(ProcessHold::open(*identity));

  SECTION("an earlier process with its pid is dead, and is not signalled") {
    ProcessIdentity earlier = *identity;
    --earlier.start_ticks;
    CHECK(liveness_of(earlier) == Liveness::kDead);
    CHECK(ProcessHold::open(earlier).error().sys_errno == ESRCH);
  }
  SECTION("nor is one of another boot") {
    ProcessIdentity before = *identity;
    before.boot.lo ^= 1;
    CHECK(liveness_of(before) == Liveness::kDead);
    CHECK(ProcessHold::open(before).error().sys_errno == ESRCH);
  }
  SECTION("no pid at all never means a process group") {
    for (int pid : {0, -1, -child.pid()}) {
      CHECK(liveness_of({boot, pid, 0}) == Liveness::kDead);
      CHECK(ProcessHold::open({boot, pid, 0}).error().sys_errno == ESRCH);
    }
  }
  CHECK(liveness_of(*identity) == Liveness::kAlive);
}

TEST_CASE("a signal through the hold reaches the process; once it ended, nobody") {
  BootId boot = *boot_id();
  Child child("/bin/sleep", {"sleep", "60"});
  auto identity = identity_of(child.pid(), boot);
  REQUIRE(identity);
  auto hold = ProcessHold::open(*identity);
  REQUIRE(hold);
  pollfd fd{hold->pidfd(), POLLIN, 0};
  CHECK(::poll(&fd, 1, 0) == 0);
  REQUIRE(hold->signal(SIGTERM));
  CHECK(::poll(&fd, 1, 30'000) == 1);
  // A zombie is dead already.
  CHECK(liveness_of(*identity) == Liveness::kDead);
  CHECK(identity_of(child.pid(), boot).error().sys_errno == ESRCH);
  CHECK(ProcessHold::open(*identity).error().sys_errno == ESRCH);
  child.wait();
  CHECK(liveness_of(*identity) == Liveness::kDead);
  CHECK(hold->signal(SIGTERM).error().sys_errno == ESRCH);
}

TEST_CASE("nothing of it stays open") {
  auto count = [] {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return std::distance(begin(entries), end(entries));
  };
  BootId boot = *boot_id();
  Child child("/bin/sleep", {"sleep", "60"});
  auto before = count();
  for (int i = 0; i < 10; ++i) {
    auto identity = identity_of(child.pid(), boot);
    (void)ProcessHold::open(*identity);
    --identity->start_ticks;
    (void)ProcessHold::open(*identity);
    (void)liveness_of(*identity);
  }
  CHECK(count() == before);
}

}  // namespace
}  // namespace banger::observe
