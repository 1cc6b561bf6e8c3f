// Other users of the host and a daemon whose configuration names two groups. As root, which alone can be somebody else.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const std::string kConfig = "tick_ms = 500\n[access]\noperators = \"61101\"\nreaders = \"61102\"\n"
                            "[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

// bangerctl's words as somebody of uid 61100, of that group besides their own. Never starts a daemon.
Ran as_member_of(const Sandbox& banger, const std::string& group, const std::string& words) {
  return banger.shell("exec setpriv --reuid 61100 --regid 61100 --groups " + group + " ./bangerctl --no-autostart " + words);
}

}  // namespace

TEST_CASE("operators run VMs, readers look, and strangers are told that they may not") {
  REQUIRE(::geteuid() == 0);
  Sandbox banger(kConfig);
  REQUIRE(::chmod(banger.dir().c_str(), 0711) == 0);
  std::filesystem::copy(BANGER_BIN_DIR "/bangerctl", banger.dir() + "/bangerctl");  // where others may pass
  banger.make_stub_image();
  const Ran created = as_member_of(banger, "61101", "vm create --name web --image base --no-start");
  INFO(created.out);
  REQUIRE(created.code == 0);
  const Ran seen = as_member_of(banger, "61102", "vm ls");
  CHECK(seen.code == 0);
  CHECK(seen.out.find("web") != std::string::npos);

  const Ran forbidden = as_member_of(banger, "61102", "vm rm web");
  CHECK(forbidden.code == 4);
  CHECK(forbidden.out.find("not permitted: Control.submit takes an operator, and uid 61100 is a reader") !=
        std::string::npos);
  const Ran stop = as_member_of(banger, "61101", "daemon stop");
  CHECK(stop.code == 4);
  CHECK(stop.out.find("Control.stop takes the owner") != std::string::npos);
  const Ran stranger = as_member_of(banger, "61103", "vm ls");
  CHECK(stranger.code == 4);
  CHECK(stranger.out.find("not permitted: uid 61100 is neither") != std::string::npos);

  // The log says who it was.
  const auto events = banger.json({"events", "ls", "--kind", "vm_created"});
  CHECK(events.dump().find("61100") != std::string::npos);
  CHECK(banger.json({"vm", "ls"}).size() == 1);
  CHECK(banger.ctl({"vm", "rm", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

TEST_CASE("a daemon without groups is reached by its owner alone") {
  REQUIRE(::geteuid() == 0);
  Sandbox banger("tick_ms = 500\n");
  REQUIRE(::chmod(banger.dir().c_str(), 0711) == 0);
  std::filesystem::copy(BANGER_BIN_DIR "/bangerctl", banger.dir() + "/bangerctl");
  REQUIRE(banger.ctl({"vm", "ls"}).code == 0);
  const Ran stranger = as_member_of(banger, "61101", "vm ls");
  CHECK(stranger.code == 4);
  CHECK(stranger.out.find("Permission denied") != std::string::npos);
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
