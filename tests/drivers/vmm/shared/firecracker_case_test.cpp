// What only a VMM that is told what to do after it was started can do wrong, and what only Firecracker has.
#include <poll.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "drivers/vmm/firecracker/argv.h"
#include "tests/drivers/vmm/firecracker/stand_in.h"
#include "tests/drivers/vmm/shared/vmm_host.h"
#include "tests/support/child.h"

using namespace banger;
using namespace banger::test;

namespace {

ReportSpawnFailed failed_start(VmmHost& host) {
  const EffectEnd end = host.done(SpawnVmm{host.vm});
  REQUIRE(end.outcomes.size() == 1);
  REQUIRE(std::holds_alternative<ReportSpawnFailed>(end.outcomes[0]));
  CHECK(host.seen().empty());
  return std::get<ReportSpawnFailed>(end.outcomes[0]);
}

}  // namespace

TEST_CASE("a request that Firecracker refuses fails the start with its words, and ends it") {
  VmmHost host(VmmKind::kFirecracker);
  {
    const Misbehaving refusing(VmmKind::kFirecracker, "--refuse 5");
    const ReportSpawnFailed failed = failed_start(host);
    CHECK(failed.stage == StartStage::kVmm);
    CHECK(failed.message ==
          "the VMM could not be set up: root drive (PUT /drives/root): refused with 400: the test wants it refused");
  }
  host.vm.incarnation = 2;
  host.started();
}

TEST_CASE("a Firecracker that dies while it is told something fails the start with its last words") {
  VmmHost host(VmmKind::kFirecracker);
  const Misbehaving dying(VmmKind::kFirecracker, "--die-at 5");
  const std::string message = failed_start(host).message;
  INFO(message);
  CHECK(message.contains("exited with code 1: Error: the test wants it to die"));
}

TEST_CASE("what a daemon that died left half told is ended, and started anew") {
  VmmHost host(VmmKind::kFirecracker);
  std::filesystem::create_directory(host.paths().dir);
  Child half(STAND_IN_FIRECRACKER,
             vmm::firecracker::firecracker_argv({.vm = kVm, .incarnation = 1}, STAND_IN_FIRECRACKER,
                                                host.paths().api_socket));
  while (!std::filesystem::exists(host.paths().api_socket)) {
    REQUIRE(half.running());
    ::poll(nullptr, 0, 5);  // nothing announces it
  }
  REQUIRE(host.seen().size() == 1);
  const EffectEnd end = host.done(SpawnVmm{host.vm});
  REQUIRE(end.outcomes.size() == 1);
  REQUIRE(std::holds_alternative<ReportSpawned>(end.outcomes[0]));
  CHECK_FALSE(std::get<ReportSpawned>(end.outcomes[0]).adopted);
  CHECK(host.effects().live(kVm)->sighting().process.pid != half.pid());
  CHECK(WTERMSIG(half.wait()) == SIGKILL);
}

TEST_CASE("Firecracker's own log and metrics are kept beside the console") {
  VmmHost host(VmmKind::kFirecracker);
  host.started();
  (void)host.gone(StopVmm{host.vm});
  CHECK(host.content(host.paths().vmm_log).contains("Running Firecracker"));
  CHECK(host.content(host.paths().vmm_log).contains("exit_code=0"));
  CHECK(host.content(host.paths().metrics).contains("utc_timestamp_ms"));
  CHECK_FALSE(host.content(host.paths().console_log).contains("exit_code"));
}

TEST_CASE("user networking is refused before anything is made, with what to do") {
  VmmHost host(VmmKind::kFirecracker);
  host.vm.settings.net = NetMode::kUser;
  const ReportSpawnFailed failed = failed_start(host);
  CHECK(failed.stage == StartStage::kPreflight);
  CHECK(failed.message.contains("vmm.kind"));
  CHECK_FALSE(std::filesystem::exists(host.paths().dir));
}

TEST_CASE("a tap that the handles name is Firecracker's network interface, with the VM's own address") {
  VmmHost host(VmmKind::kFirecracker);
  const auto image = host.tools().images.find(host.vm.image);
  REQUIRE(image);
  std::filesystem::create_directory(host.paths().dir);
  const VmPaths paths = host.paths();
  VmHandles handles;
  const std::string tap = GENERATE("", "bgtap7");
  handles.tap_device = tap;
  const auto launch = host.vmms.of(VmmKind::kFirecracker)
                          .prepare({host.vm, paths, *image, {.path = image->rootfs, .format = "raw"}, handles, std::nullopt});
  REQUIRE(launch);
  CHECK(launch->argv == std::vector<std::string>{STAND_IN_FIRECRACKER, "--api-sock", paths.api_socket, "--id",
                                                 vmm_name({kVm, 1})});
  CHECK(launch->jail.empty());
  const StandIn stand_in(paths.api_socket, vmm_name({kVm, 1}));
  const std::atomic<bool> cancelled = false;
  const Status told = launch->set_up(cancelled);
  INFO((told ? "" : told.error().message));
  REQUIRE(told);
  CHECK(stand_in.state() == "Running");
  std::vector<std::string> interfaces;
  std::string boot;
  for (const SeenCall& call : stand_in.seen()) {
    if (call.path.starts_with("/network-interfaces/")) interfaces.push_back(call.body);
    if (call.path == "/boot-source") boot = call.body;
  }
  CHECK(boot.contains("i8042.noaux"));
  CHECK(boot.contains("vm.host=web"));
  CHECK(boot.contains("vm.ip=") == !tap.empty());
  REQUIRE(interfaces.size() == (tap.empty() ? 0 : 1));
  if (tap.empty()) return;
  CHECK(interfaces[0].contains("\"host_dev_name\":\"bgtap7\""));
  CHECK(interfaces[0].contains("52:54:00:00:00:a1"));
}

TEST_CASE("a start that is not wanted any more is told no further") {
  VmmHost host(VmmKind::kFirecracker);
  const auto image = host.tools().images.find(host.vm.image);
  REQUIRE(image);
  std::filesystem::create_directory(host.paths().dir);
  const VmPaths paths = host.paths();
  const auto launch = host.vmms.of(VmmKind::kFirecracker)
                          .prepare({host.vm, paths, *image, {.path = image->rootfs, .format = "raw"}, {}, std::nullopt});
  REQUIRE(launch);
  const StandIn stand_in(paths.api_socket, vmm_name({kVm, 1}));
  const std::atomic<bool> cancelled = true;
  const Status told = launch->set_up(cancelled);
  REQUIRE_FALSE(told);
  CHECK(told.error().sys_errno == ECANCELED);
  CHECK(stand_in.state() == "Not started");
  CHECK(stand_in.seen().size() == 1);  // who it is
}
