// The wall clock is set ten years back and forward under a daemon that runs: order is that of the log, waits last as long as they
// were to, and the past can be asked for.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"
#include "tests/support/json_lines.h"

namespace banger::faults {
namespace {

using e2e::eventually;
using e2e::Sandbox;

constexpr std::int64_t kYear = 365 * 86'400;

// What set_clock.cpp adds to the daemon's clock, in a file that both map.
class SetClock {
 public:
  SetClock() {
    REQUIRE(::mkdtemp(dir_.data()) != nullptr);
    const int fd = ::open((dir_ + "/clock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(::ftruncate(fd, sizeof(std::int64_t)) == 0);
    void* at = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(at != MAP_FAILED);
    ::close(fd);
    offset_ = static_cast<std::atomic<std::int64_t>*>(at);
  }
  ~SetClock() {
    ::munmap(offset_, sizeof(std::int64_t));
    std::filesystem::remove_all(dir_);
  }
  SetClock(const SetClock&) = delete;
  SetClock& operator=(const SetClock&) = delete;

  void set(std::int64_t years) const { offset_->store(years * kYear); }
  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  std::string dir_ = "/tmp/banger-clock-XXXXXX";
  std::atomic<std::int64_t>* offset_ = nullptr;
};

struct World {
  explicit World(const std::string& stub_options = "")
      : banger("tick_ms = 100\ndisk = \"qcow2\"\n[vmm]\nprogram = \"" BANGER_PLAIN_DIR "/tests/banger-stub-vmm\"\naccel = \"tcg\"\n",
               {clock.dir() + "/banger", BANGER_PLAIN_DIR "/bin",
                {"LD_PRELOAD=" BANGER_PLAIN_DIR "/tests/libbanger_set_clock.so", "BANGER_SET_CLOCK=" + clock.dir() + "/clock",
                 "BANGER_STUB_VMM=" + stub_options}}) {
    banger.make_stub_image();
  }
  SetClock clock;
  Sandbox banger;

  void ctl(const std::vector<std::string>& words) const {
    const e2e::Ran ran = banger.ctl(words);
    INFO(words[0] << " " << words[1] << ": " << ran.err);
    REQUIRE(ran.code == 0);
  }
  void create(const std::string& vm) const { ctl({"vm", "create", "--no-start", "--name", vm, "--image", "base"}); }
  [[nodiscard]] std::string state(const std::string& vm) const { return banger.json({"vm", "show", vm}).at("state"); }
  [[nodiscard]] std::vector<nlohmann::json> events() const {
    return test::json_lines(banger.ctl({"events", "ls", "-o", "json"}).out);
  }
  // The VMs that there were then. (They are listed by when they were made, as the clock said.)
  using Names = std::set<std::string>;
  [[nodiscard]] Names vms_at(const std::string& when) const {
    Names names;
    for (const auto& vm : banger.json({"vm", "ls", "--at", when})) names.insert(vm.at("name"));
    return names;
  }
  [[nodiscard]] Names vms_in(std::int64_t years) const { return vms_at("@" + std::to_string(::time(nullptr) + years * kYear)); }
  void is_whole() const {
    const auto all = events();
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].at("sequence") == i + 1);
    CHECK(banger.json({"log", "verify"}).at("ok") == true);
    ctl({"projection", "verify"});
    ctl({"events", "replay"});
  }
};

}  // namespace

TEST_CASE("what happened in which order is told whatever the clock said") {
  World world;
  const bool killed = GENERATE(false, true);  // the daemon that runs on, and one that starts in each year
  const auto set = [&](std::int64_t years) {
    world.clock.set(years);
    if (killed) world.banger.kill_daemon();
  };
  world.create("first");
  set(-10);
  world.create("past");
  world.ctl({"vm", "start", "past"});
  set(10);
  world.create("future");
  world.ctl({"vm", "stop", "past"});
  set(0);
  world.create("last");

  const auto all = world.events();
  std::int64_t earliest = all.front().at("time_ns"), latest = earliest;
  for (const auto& event : all) {
    earliest = std::min(earliest, event.at("time_ns").get<std::int64_t>());
    latest = std::max(latest, event.at("time_ns").get<std::int64_t>());
  }
  CHECK(latest - earliest >= 20 * kYear * 1'000'000'000);  // the daemon's clock was what was set
  world.is_whole();
  const World::Names everybody{"first", "past", "future", "last"};
  CHECK(world.vms_in(-20).empty());
  CHECK(world.vms_in(-5) == World::Names{"first", "past"});  // all that was recorded up to the last event of that year
  CHECK(world.vms_in(5) == everybody);
  CHECK(world.vms_in(20) == everybody);
  CHECK(world.vms_at("now") == everybody);
  World::Names created;
  for (const auto& event : all) {
    if (event.at("kind") != "vm_created") continue;
    created.insert(event.at("data").at("name"));
    CHECK(world.vms_at("#" + event.at("sequence").dump()) == created);
  }
  CHECK(world.banger.json({"vm", "history", "past"}).size() >= 5);
  world.ctl({"vm", "ls"});
  for (const char* vm : {"first", "past", "future", "last"}) world.ctl({"vm", "rm", vm});
  CHECK(world.banger.leave() == "");
}

TEST_CASE("a wait lasts as long as it was to, whatever the clock does meanwhile") {
  World world("--ignore-powerdown");
  const std::int64_t years = GENERATE(-10, 10);
  INFO(years << " years");
  world.create("web");
  world.ctl({"vm", "start", "web"});
  const std::string log = world.banger.dir() + "/users.log";

  // Its time is up while the clock is somewhere else.
  pid_t stop = world.banger.begin({"vm", "stop", "-t", "2", "web"}, log);
  REQUIRE(eventually([&] { return world.state("web") == "stopping"; }));
  world.clock.set(years);
  CHECK(Sandbox::finish(stop) == 0);
  CHECK(world.state("web") == "stopped");

  // Its time is not up because the clock says so: ticks go by, and it goes on.
  world.clock.set(0);
  world.ctl({"vm", "start", "web"});
  stop = world.banger.begin({"vm", "stop", "-t", "600", "web"}, log);
  REQUIRE(eventually([&] { return world.state("web") == "stopping"; }));
  world.clock.set(years);
  const auto ticks = [&] { return world.banger.json({"reconcile", "status"}).at("observations").get<std::uint64_t>(); };
  const std::uint64_t before = ticks();
  REQUIRE(eventually([&] { return ticks() >= before + 5; }));
  CHECK(world.state("web") == "stopping");
  world.ctl({"vm", "kill", "web"});
  CHECK(Sandbox::finish(stop) == 0);
  world.is_whole();
  world.ctl({"vm", "rm", "web"});
  CHECK(world.banger.leave() == "");
}

}  // namespace banger::faults
