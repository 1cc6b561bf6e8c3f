// Bridged VMs as the log, the kernel and the user see them, with stand-ins for VMMs: no guest is booted here.
#include <algorithm>
#include <csignal>

#include "tests/catch.h"
#include "tests/drivers/network/namespaces.h"
#include "tests/drivers/network/nat_support.h"
#include "tests/e2e/own_network.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

using network::test::nft;
using network::test::sh;

const std::string kConfig =
    "tick_ms = 200\ndisk = \"qcow2\"\n[network]\nsubnet = \"172.16.0.1/29\"\nresolver_port = 53\n"
    "[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n";

// What the kernel has of ours; empty where that is nothing.
std::string kernel_holds() {
  return sh("ip -o link show | grep -E 'br-banger|bg[0-9a-f]{13}' | cut -d: -f2 || true") + nft("list tables");
}

void run(const Sandbox& banger, const std::vector<std::string>& words) {
  const Ran ran = banger.ctl(words);
  INFO(words.at(1) << " " << words.back() << ": " << ran.err);
  REQUIRE(ran.code == 0);
}

std::string address_of(const Sandbox& banger, const std::string& vm) {
  return banger.json({"vm", "show", vm}).at("guest_ip").get<std::string>();
}

bool running(const Sandbox& banger, const std::string& vm) {
  return eventually([&] { return banger.json({"vm", "show", vm}).at("state") == "running"; });
}

bool rules_say(const std::string& part) {
  return eventually([&] { return nft("list ruleset").find(part) != std::string::npos; });
}

// The tap of the only VM that has one.
std::string only_tap() { return sh("ip -o link show master br-banger | cut -d: -f2 | tr -d ' \\n'"); }

std::size_t count_events(const Sandbox& banger, const std::string& kind, const std::string& holds) {
  const Ran ran = banger.ctl({"events", "ls", "--kind", kind, "-o", "json"});
  std::size_t count = 0;
  for (auto at = ran.out.find(holds); at != std::string::npos; at = ran.out.find(holds, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a bridged VM has an address of its own, a tap and rules, and nothing is left when it is gone") {
  enter_own_network();
  Sandbox banger(kConfig);
  banger.make_stub_image();
  CHECK(kernel_holds() == "");
  run(banger, {"vm", "create", "-d", "--net", "bridge", "-p", "127.0.0.1:8080:80", "--image", "base", "--name", "web"});
  REQUIRE(running(banger, "web"));
  CHECK(address_of(banger, "web") == "172.16.0.2");
  const std::string tap = only_tap();
  CHECK(tap.size() == 15);
  CHECK(sh("bridge -d link show dev " + tap).find("isolated on") != std::string::npos);
  CHECK(rules_say("172.16.0.2"));
  CHECK(rules_say("8080"));
  CHECK(sh("getent ahostsv4 web.vm | head -1").starts_with("172.16.0.2 "));

  SECTION("isolation is changed while it runs") {
    run(banger, {"vm", "set", "web", "--open", "yes"});
    CHECK(eventually([&] { return sh("bridge -d link show dev " + tap).find("isolated off") != std::string::npos; }));
    run(banger, {"vm", "set", "web", "--open", "no"});
    CHECK(eventually([&] { return sh("bridge -d link show dev " + tap).find("isolated on") != std::string::npos; }));
  }
  SECTION("rules that somebody flushed come back, and that is an event") {
    nft("flush ruleset");
    CHECK(rules_say("172.16.0.2"));
    CHECK(eventually([&] { return count_events(banger, "drift_corrected", "\"restored\"") == 1; }));
  }
  SECTION("a bridge that somebody deleted comes back, with the tap in it") {
    sh("ip link del br-banger");
    CHECK(eventually([&] { return count_events(banger, "drift_corrected", "\"restored\"") == 1; }));
    CHECK(only_tap() == tap);
    CHECK(rules_say("172.16.0.2"));
  }
  SECTION("a tap that somebody took away is told once, and a restart gives another") {
    sh("ip link del " + tap);
    CHECK(eventually([&] { return banger.json({"vm", "show", "web"}).at("cut_off") == true; }));
    CHECK(count_events(banger, "drift_corrected", "\"tap\"") == 1);
    run(banger, {"vm", "stop", "-f", "web"});
    run(banger, {"vm", "start", "-d", "web"});
    REQUIRE(running(banger, "web"));
    CHECK(banger.json({"vm", "show", "web"}).at("cut_off") == false);
    CHECK(only_tap() == tap);
  }
  SECTION("kill -9 of the daemon: its successor finds all of it, and changes nothing") {
    const auto vmms = banger.processes_of("banger-stub-vmm");
    banger.kill_daemon();
    REQUIRE(running(banger, "web"));
    CHECK(banger.processes_of("banger-stub-vmm") == vmms);
    CHECK(only_tap() == tap);
    CHECK(rules_say("8080"));
    CHECK(count_events(banger, "drift_corrected", "\"tap\"") == 0);
  }
  SECTION("kill -9 of the VMM while no daemon runs: what the kernel still has is let go") {
    const auto vmms = banger.processes_of("banger-stub-vmm");
    banger.kill_daemon();
    ::kill(vmms.at(0), SIGKILL);
    CHECK(eventually([&] { return banger.json({"vm", "show", "web"}).at("state") == "error"; }));
    CHECK(eventually([] { return kernel_holds() == ""; }));
    run(banger, {"vm", "start", "-d", "web"});
    REQUIRE(running(banger, "web"));
    CHECK(address_of(banger, "web") == "172.16.0.2");
  }

  run(banger, {"vm", "rm", "-f", "web"});
  CHECK(eventually([] { return kernel_holds() == ""; }));
  CHECK(banger.leave() == "");
  CHECK(kernel_holds() == "");
}

TEST_CASE("a /29 has five addresses: the sixth VM is refused, and an address comes back with a deletion") {
  enter_own_network();
  Sandbox banger(kConfig);
  banger.make_stub_image();
  for (int i = 2; i <= 6; ++i) {
    const std::string name = "vm" + std::to_string(i);
    run(banger, {"vm", "create", "--no-start", "--net", "bridge", "--image", "base", "--name", name});
    CHECK(address_of(banger, name) == "172.16.0." + std::to_string(i));
  }
  const Ran refused = banger.ctl({"vm", "create", "--no-start", "--net", "bridge", "--image", "base", "--name", "vm7"});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("all 5 addresses of 172.16.0.0/29 are taken") != std::string::npos);
  run(banger, {"vm", "rm", "vm4"});
  run(banger, {"vm", "create", "--no-start", "--net", "bridge", "--image", "base", "--name", "vm7"});
  CHECK(address_of(banger, "vm7") == "172.16.0.4");
  CHECK(kernel_holds() == "");
  for (const char* name : {"vm2", "vm3", "vm5", "vm6", "vm7"}) run(banger, {"vm", "rm", name});
  CHECK(banger.leave() == "");
}

TEST_CASE("what is somebody else's stops a start at its stage, and stays as it is") {
  enter_own_network();
  Sandbox banger(kConfig);
  banger.make_stub_image();
  sh("ip link add br-banger type bridge");
  const Ran refused = banger.ctl({"vm", "create", "--net", "bridge", "--image", "base", "--name", "web"});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("start failed at network") != std::string::npos);
  CHECK(banger.json({"vm", "show", "web"}).at("state") == "error");
  CHECK(banger.processes_of("banger-stub-vmm").empty());
  CHECK(sh("ip -o link show br-banger | wc -l") == "1\n");
  sh("ip link del br-banger");
  run(banger, {"vm", "start", "-d", "web"});
  REQUIRE(running(banger, "web"));
  run(banger, {"vm", "rm", "-f", "web"});
  CHECK(eventually([] { return kernel_holds() == ""; }));
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
