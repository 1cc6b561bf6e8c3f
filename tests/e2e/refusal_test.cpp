// What a user gets wrong, or a host has too little of: one clear line, the exit code that is documented, and nothing
// left behind. No guest is booted here.
#include <algorithm>
#include <filesystem>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const std::string kConfig =
    "tick_ms = 500\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

void check_refused(const Sandbox& banger, const std::vector<std::string>& words, int code, const std::string& part) {
  Ran ran = banger.ctl(words);
  INFO("stderr: " << ran.err);
  CHECK(ran.code == code);
  CHECK(ran.out.empty());
  CHECK(ran.err.find(part) != std::string::npos);
  CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') <= 2);
}

}  // namespace

TEST_CASE("bad requests are refused in one line and leave nothing") {
  Sandbox banger(kConfig);
  check_refused(banger, {"vm", "create", "--name", "a", "--image", "nowhere"}, 1, "there is no image 'nowhere'");
  banger.make_stub_image();
  check_refused(banger, {"vm", "create", "--name", "a", "--image", "base", "--vcpus", "0"}, 2, "'0' is no number of CPUs");
  check_refused(banger, {"vm", "create", "--name", "a", "--image", "base", "--memory", "10TiB"}, 1, "memory must be between");
  check_refused(banger, {"vm", "create", "--name", "a/b", "--image", "base"}, 1, "cannot be a VM's name");
  check_refused(banger, {"vm", "create", "--name", "a", "--image", "base", "--memory", "4Gibberish"}, 2, "4Gibberish");
  check_refused(banger, {"vm", "start", "nobody"}, 1, "there is no VM 'nobody'");
  check_refused(banger, {"image", "build", "nosuchrecipe"}, 1, "there is no recipe");
  CHECK(banger.json({"vm", "ls"}).empty());
  CHECK(std::filesystem::is_empty(banger.data() + "/vms"));
  CHECK(banger.leave() == "");
}

TEST_CASE("a VMM that cannot start leaves the VM in error, with the stage named, and it can be removed") {
  Sandbox banger("tick_ms = 500\n[vmm]\nprogram = \"/nonexistent/vmm\"\naccel = \"tcg\"\n");
  banger.make_stub_image();
  Ran ran = banger.ctl({"vm", "create", "--name", "a", "--image", "base"});
  CHECK(ran.code == 1);
  CHECK(ran.err.find("start failed at vmm") != std::string::npos);
  CHECK(banger.json({"vm", "show", "a"}).at("state") == "error");
  CHECK(banger.ctl({"vm", "rm", "a"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("a half import is never an image") {
  Sandbox banger(kConfig);
  std::filesystem::create_directory(banger.dir() + "/broken");
  Ran ran = banger.ctl({"image", "import", "broken", banger.dir() + "/broken"});
  CHECK(ran.code == 1);
  CHECK_FALSE(ran.err.empty());
  CHECK(banger.ctl({"image", "rm", "broken"}).code == 0);
  CHECK(banger.json({"image", "ls"}).empty());
  CHECK(std::filesystem::is_empty(banger.data() + "/images"));
  CHECK(banger.leave() == "");
}

TEST_CASE("one daemon for one data directory") {
  Sandbox banger(kConfig);
  // Two that start it at once are served by the same one.
  pid_t one = banger.begin({"vm", "ls"}, "/dev/null"), two = banger.begin({"vm", "ls"}, "/dev/null");
  CHECK(Sandbox::finish(one) == 0);
  CHECK(Sandbox::finish(two) == 0);
  CHECK(banger.processes_of("bangerd").size() == 1);
  CHECK(banger.leave() == "");
  Sandbox quiet(kConfig);
  check_refused(quiet, {"--no-autostart", "vm", "ls"}, 3, "");
  CHECK(quiet.processes_of("bangerd").empty());
}

TEST_CASE("a misspelt configuration is refused with its place") {
  Sandbox banger("tick_ms = 500\n[vmm]\nprogramm = \"x\"\n");
  Ran ran = banger.ctl({"vm", "ls"});
  CHECK(ran.code == 3);
  CHECK(ran.err.find("banger.toml:3: vmm.programm is not a setting") != std::string::npos);
}

}  // namespace banger::e2e
