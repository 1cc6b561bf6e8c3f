// A daemon that looks at the host by other programs: the same life, the same adoption, and nothing left of them.
#include <csignal>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const std::string kConfig = "observer = \"tools\"\ntick_ms = 200\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

}  // namespace

TEST_CASE("a daemon that looks by tools adopts what runs, and records what died while it was away") {
  Sandbox banger(kConfig);
  banger.make_stub_image();
  REQUIRE(banger.ctl({"vm", "create", "--name", "web", "--image", "base"}).code == 0);
  CHECK(banger.json({"daemon", "status"}).at("observer") == "tools");
  const auto state = [&] { return banger.json({"vm", "show", "web"}).at("state").get<std::string>(); };
  CHECK(eventually([&] { return state() == "running"; }));
  const std::vector<pid_t> vmms = banger.processes_of("banger-stub-vmm");
  REQUIRE(vmms.size() == 1);

  banger.kill_daemon();
  CHECK(eventually([&] { return state() == "running"; }));
  CHECK(banger.json({"vm", "show", "web"}).at("incarnation") == 1);
  CHECK(banger.processes_of("banger-stub-vmm") == vmms);

  banger.kill_daemon();
  REQUIRE(::kill(vmms.front(), SIGKILL) == 0);
  CHECK(eventually([&] { return state() == "error"; }));
  REQUIRE(banger.ctl({"vm", "rm", "-f", "web"}).code == 0);
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
