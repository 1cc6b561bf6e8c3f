// VMs in Firecracker with the real daemon: a stand-in that holds every request to Firecracker's API description
// (tests/drivers/vmm/firecracker), started, adopted, stopped and removed as a user does it.
#include <csignal>
#include <cstdlib>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

const std::string kStandIn = BANGER_STAND_IN_FIRECRACKER;
const std::string kStub = BANGER_STUB_VMM;
const std::string kProgram = "banger-stand-in-firecracker";

// Disks that take no root, so that these tests do not either.
std::string config_with(const std::string& kind, const std::string& disk) {
  return "tick_ms = 500\ndisk = \"" + disk + "\"\n[vmm]\nkind = \"" + kind + "\"\nfirecracker = \"" + kStandIn +
         "\"\nprogram = \"" + kStub + "\"\naccel = \"" + (kind == "auto" ? "kvm" : "tcg") + "\"\n";
}

std::string state_of(const Sandbox& banger, const std::string& vm) {
  return banger.json({"vm", "show", vm}).at("state");
}

// Runs it, and it must succeed.
std::string must(const Sandbox& banger, const std::vector<std::string>& words) {
  const Ran ran = banger.ctl(words);
  INFO(ran.out << ran.err);
  REQUIRE(ran.code == 0);
  return ran.out;
}

}  // namespace

TEST_CASE("a VM in Firecracker is created, outlives its daemon, is adopted, stopped, started again and removed") {
  Sandbox banger(config_with("firecracker", "raw"));
  banger.make_stub_image();
  must(banger, {"vm", "create", "--name", "web", "--image", "base", "--net", "none"});
  CHECK(state_of(banger, "web") == "running");
  CHECK(banger.processes_of(kProgram).size() == 1);
  const pid_t pid = banger.processes_of(kProgram).front();
  CHECK(banger.json({"daemon", "status"}).at("vmm") == "firecracker (configured)");

  banger.kill_daemon();
  CHECK(banger.processes_of(kProgram) == std::vector{pid});
  CHECK(state_of(banger, "web") == "running");  // which starts another daemon
  CHECK(eventually([&] { return banger.json({"vm", "show", "web"}).at("details").at("pid") == pid; }));
  CHECK(banger.processes_of(kProgram) == std::vector{pid});

  must(banger, {"vm", "stop", "web"});
  CHECK(state_of(banger, "web") == "stopped");
  CHECK(banger.processes_of(kProgram).empty());
  must(banger, {"vm", "start", "web"});
  CHECK(banger.processes_of(kProgram).size() == 1);
  CHECK(must(banger, {"vm", "logs", "web"}).find("banger-stand-in-firecracker: up") != std::string::npos);

  must(banger, {"vm", "rm", "-f", "web"});
  CHECK(banger.processes_of(kProgram).empty());
  CHECK(banger.leave() == "");
}

TEST_CASE("a guest that switches itself off is stopped, not dead") {
  Sandbox banger(config_with("firecracker", "raw"));
  banger.make_stub_image();
  must(banger, {"vm", "create", "--name", "web", "--image", "base", "--net", "none"});
  const pid_t pid = banger.processes_of(kProgram).front();
  SECTION("told by its exit code") {}
  SECTION("told by its log, where the daemon is not the one that started it") {
    banger.kill_daemon();
    CHECK(eventually([&] { return banger.json({"vm", "show", "web"}).at("details").at("pid") == pid; }));
  }
  ::kill(pid, SIGUSR1);
  CHECK(eventually([&] { return state_of(banger, "web") == "stopped"; }));
  must(banger, {"vm", "rm", "-f", "web"});
  CHECK(banger.leave() == "");
}

TEST_CASE("user networking with Firecracker is an error that says what to do; auto takes QEMU for it") {
  {
    Sandbox banger(config_with("firecracker", "raw"));
    banger.make_stub_image();
    const Ran ran = banger.ctl({"vm", "create", "--name", "web", "--image", "base", "--net", "user"});
    INFO(ran.out << ran.err);
    CHECK(ran.code == 1);
    CHECK((ran.out + ran.err).find("vmm.kind") != std::string::npos);
    CHECK(state_of(banger, "web") == "error");
    must(banger, {"vm", "rm", "-f", "web"});
    CHECK(banger.leave() == "");
  }
  Sandbox banger(config_with("auto", "auto"));
  banger.make_stub_image();
  must(banger, {"vm", "create", "--name", "plain", "--image", "base", "--net", "none"});
  must(banger, {"vm", "create", "--name", "web", "--image", "base", "--net", "user"});
  CHECK(banger.processes_of(kProgram).size() == 1);
  CHECK(banger.processes_of("banger-stub-vmm").size() == 1);
  for (const char* vm : {"plain", "web"}) must(banger, {"vm", "rm", "-f", vm});
  CHECK(banger.leave() == "");
}

TEST_CASE("a refusal of Firecracker's is what the user reads, and the VM can be started again") {
  ::setenv("BANGER_STAND_IN_FIRECRACKER", "--refuse 4", 1);
  Sandbox banger(config_with("firecracker", "raw"));
  banger.make_stub_image();
  const Ran ran = banger.ctl({"vm", "create", "--name", "web", "--image", "base", "--net", "none"});
  ::unsetenv("BANGER_STAND_IN_FIRECRACKER");
  INFO(ran.out << ran.err);
  CHECK(ran.code == 1);
  CHECK((ran.out + ran.err).find("boot source (PUT /boot-source): refused with 400") != std::string::npos);
  CHECK(banger.processes_of(kProgram).empty());
  banger.kill_daemon();  // the next one has another environment
  must(banger, {"vm", "start", "web"});
  must(banger, {"vm", "rm", "-f", "web"});
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
