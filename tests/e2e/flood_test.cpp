// Guests that write to their consoles without end, and one that does not: what is kept of each is capped, nothing else
// grows, and the quiet one is started, asked and stopped meanwhile. BANGER_FLOOD_MIB for more than the sample.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/setting.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kConsoleBytes = 65536;
constexpr std::size_t kMostGrowthKib = 64 << 10;  // whatever the flood: the heap's own slack, more under sanitizers
const std::vector<std::string> kLoud = {"loud-1", "loud-2"};

std::uint64_t bytes_below(const std::string& directory) {
  std::uint64_t sum = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with("console.log")) continue;
    std::error_code gone;  // a log that is rotated meanwhile
    const std::uintmax_t bytes = fs::file_size(entry.path(), gone);
    if (!gone) sum += bytes;
  }
  return sum;
}

std::size_t own_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::size_t kib = 0;
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") status >> kib;
  }
  return kib;
}

std::size_t descriptors_of(pid_t pid) {
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::string must(const Sandbox& banger, const std::vector<std::string>& words) {
  const Ran ran = banger.ctl(words);
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

}  // namespace

TEST_CASE("guests that flood their consoles keep what is theirs, and others are served") {
  const std::uint64_t mib = test::setting("BANGER_FLOOD_MIB", 256);
  Sandbox banger("tick_ms = 500\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\nconsole_bytes = " +
                     std::to_string(kConsoleBytes) + "\n",
                 {"/tmp/banger-flood-" + std::to_string(::getpid()),
                  BANGER_BIN_DIR,
                  {"BANGER_STUB_VMM=--flood-console-mib " + std::to_string(mib), "ASAN_OPTIONS=quarantine_size_mb=1"}});
  banger.make_stub_image();
  const pid_t daemon = banger.daemon();
  const std::size_t before_kib = own_kib(daemon);
  for (const std::string& vm : kLoud) must(banger, {"vm", "create", "--name", vm, "--image", "base", "--net", "none"});
  const std::size_t files = descriptors_of(daemon);
  for (const pid_t vmm : banger.processes_of("banger-stub-vmm")) REQUIRE(::kill(vmm, SIGUSR2) == 0);

  std::vector<std::string> directories;
  for (const std::string& vm : kLoud) {
    directories.push_back(banger.json({"vm", "show", vm}).at("details").at("dir"));
  }
  const auto dry = [&](const std::string& vm) {
    return must(banger, {"vm", "logs", vm}).find("banger-stub-vmm: dry") != std::string::npos;
  };
  std::uint64_t most_bytes = 0;
  std::size_t most_kib = 0, rounds = 0;
  for (bool all_dry = false; !all_dry; ++rounds) {  // its end is the test's: the program's own time limit
    must(banger, {"vm", "create", "--name", "quiet", "--image", "base", "--net", "none"});
    must(banger, {"vm", "rm", "-f", "quiet"});
    for (const std::string& directory : directories) most_bytes = std::max(most_bytes, bytes_below(directory));
    most_kib = std::max(most_kib, own_kib(daemon));
    all_dry = std::ranges::all_of(kLoud, dry);
  }
  std::printf("flood: %zu guests, %llu MiB each, %zu VMs beside them; of a console %llu bytes at most, of the daemon %zu KiB, before %zu\n",
              kLoud.size(), static_cast<unsigned long long>(mib), rounds, static_cast<unsigned long long>(most_bytes), most_kib,
              before_kib);
  CHECK(most_bytes <= kConsoleBytes);
  CHECK(most_kib <= before_kib + kMostGrowthKib);
  CHECK(descriptors_of(daemon) == files);
  for (const std::string& vm : kLoud) {
    CHECK(banger.json({"vm", "show", vm}).at("state") == "running");
    must(banger, {"vm", "rm", "-f", vm});
  }
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
