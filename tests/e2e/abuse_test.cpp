// Thousands of clients of another user that behave badly, and the owner's beside them: each of those is served, and what the
// daemon keeps for the others is bounded by their number. As root only.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/abuse.h"

namespace banger::e2e {
namespace {

constexpr std::size_t kAbusers = 5000;
constexpr int kCalls = 20;
// docs/SECURITY.md: of one uid, each a message, what was asked, what is not fetched with an answer on its way, and itself.
constexpr std::size_t kMostOfOneUid = 256;
constexpr std::size_t kMostKibEach = 1024 + 256 + 1024 + 1024 + 256;

std::size_t own_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::size_t kib = 0;
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") status >> kib;
  }
  return kib;
}

void raise_descriptor_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(limit.rlim_max > kAbusers + 1000);
  limit.rlim_cur = kAbusers + 1000;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

std::size_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("the owner's calls are all answered beside five thousand clients that behave badly") {
  REQUIRE(::geteuid() == 0);
  raise_descriptor_limit();
  const test::Person person = test::visitor();
  // What is freed comes back to the system, sanitizer or not: else the figure would not be the daemon's.
  Sandbox banger("tick_ms = 500\n[access]\nreaders = \"" + std::to_string(person.gid) + "\"\n",
                 {"/tmp/banger-abuse-" + std::to_string(::getpid()), BANGER_BIN_DIR, {"ASAN_OPTIONS=quarantine_size_mb=1"}});
  REQUIRE(::chmod(banger.dir().c_str(), 0711) == 0);
  banger.make_stub_image();
  const pid_t daemon = banger.daemon();
  const std::size_t before = own_kib(daemon), before_files = descriptors_of(daemon);

  std::atomic<bool> enough = false;
  std::atomic<int> rounds = 0;
  std::thread abusers([&] {
    test::Abuse abuse(banger.dir() + "/run/bangerd.sock", person, kAbusers);
    for (; !enough; ++rounds) abuse.round();
  });
  CHECK(eventually([&] { return descriptors_of(daemon) >= before_files + kMostOfOneUid; }));
  std::size_t most = 0;
  for (int i = 0; i < kCalls; ++i) {
    const Ran ran = banger.ctl({"--no-autostart", "image", "ls"});
    INFO("call " << i << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out.find("base") != std::string::npos);
    most = std::max(most, own_kib(daemon));
  }
  CHECK(eventually([&] { return rounds > 2; }));
  enough = true;
  abusers.join();
  std::printf("abuse: %d rounds of %zu clients; the daemon's own memory %zu KiB, %zu at most\n", rounds.load(), kAbusers,
              before, most);
  CHECK(banger.daemon() == daemon);
  CHECK(most < before + kMostOfOneUid * kMostKibEach);
  CHECK(eventually([&] { return descriptors_of(daemon) <= before_files + 1; }));
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
