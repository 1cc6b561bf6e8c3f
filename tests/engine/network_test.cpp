// Bridged VMs in the pure core: who gets which address, and what the host's network is to be for them.
#include "engine/plan.h"
#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

CreateVm bridged(std::string name, bool start = false) {
  VmSettings its = settings();
  its.net = NetMode::kBridge;
  return {.name = std::move(name), .image = "tiny", .settings = its, .start = start};
}

const VmRuntime& vm(const World& world, std::string_view name) {
  return world.fleet.vms.at(world.fleet.vm_names.find(name)->second);
}

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> names;
  for (const Effect& effect : plan.effects) names.emplace_back(name_of(effect));
  return names;
}

const SetNetwork* network_in(const Plan& plan) {
  for (const Effect& effect : plan.effects) {
    if (const auto* set = std::get_if<SetNetwork>(&effect)) return set;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("a bridged VM gets the lowest free address, keeps it while stopped, and gives it back with its deletion") {
  World world = host_with_image();
  CHECK(told(world.doing(bridged("a"))) == "vm_created,vm_address_assigned");
  CHECK(told(world.doing(bridged("b", true))) == "vm_created,vm_address_assigned,vm_start_requested");
  CHECK(vm(world, "a").guest_ip == "172.16.0.2");
  CHECK(vm(world, "b").guest_ip == "172.16.0.3");
  CHECK(vm(world, "b").ssh_port == 0);
  CHECK(ssh_endpoint(vm(world, "b"))->host == "172.16.0.3");
  for (const char* name : {"c", "d", "e"}) CHECK(world.doing(bridged(name)));
  const auto refused = world.when(bridged("f"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == Refusal::kExhausted);
  const VmId gone = vm(world, "c").id;
  CHECK(world.doing(DeleteVm{"c"}));
  CHECK(told(world.when(bridged("f"))) == "!exhausted");  // not before it was seen to be gone
  world.doing(ReportTornDown{gone, world.fleet.vms.at(gone).fence});
  CHECK(world.doing(bridged("f")));
  CHECK(vm(world, "f").guest_ip == "172.16.0.4");
}

TEST_CASE("without a bridge there is a refusal, and without --net bridge no address") {
  World world = host_with_image();
  world.limits.subnet.reset();
  CHECK(told(world.when(bridged("a"))) == "!wrong_state");
  CHECK(told(world.when(CreateVm{.name = "u", .image = "tiny", .settings = settings()})) == "vm_created");
  CreateVm open{.name = "u", .image = "tiny", .settings = settings()};
  open.settings.open = true;
  CHECK(told(world.when(open)) == "!invalid");
}

TEST_CASE("a VM whose subnet is no more gets another address with its next start") {
  World world = host_with_image();
  world.doing(bridged("a"));
  world.limits.subnet = Subnet{{0x0a00'0001}, 24};
  CHECK(told(world.when(StartVm{"a"})) == "vm_address_assigned,vm_start_requested");
  world.doing(StartVm{"a"});
  CHECK(vm(world, "a").guest_ip == "10.0.0.2");
  CHECK(world.fleet.guest_addresses.size() == 1);
  world.limits.subnet.reset();
  world.doing(bridged("b"));
  CHECK(told(world.when(StartVm{"a"})) == "-");
}

TEST_CASE("an address that another VM has does not fit its stream, and parks it") {
  World world = host_with_image();
  world.doing(bridged("a"));
  world.doing(bridged("b"));
  const StreamId b = stream_of(vm(world, "b").id);
  world.given(b, VmAddressAssigned{"172.16.0.2"});
  CHECK(world.fleet.parked.contains(b));
  CHECK(world.fleet.guest_addresses.at("172.16.0.2") == vm(world, "a").id);
}

TEST_CASE("the network follows the guests that are up, and what was set is not set again") {
  World world = host_with_image();
  world.doing(bridged("a", true));
  const VmId a = vm(world, "a").id;
  Observation seen{.processes_known = true, .directories_known = true, .links_known = true};
  seen.network = NetworkSighting::kAbsent;
  PlanContext context;
  Plan first = plan_subject(world.fleet, seen, context, stream_of(a));
  CHECK(names(first) == std::vector<std::string>{"spawn_vmm", "set_network"});
  REQUIRE(network_in(first));
  CHECK(network_in(first)->network == GuestNetwork{{a, "a", "172.16.0.2", false, {}}});
  CHECK_FALSE(network_in(first)->finding);

  context.in_flight[kHostStream] = {{0, "set_network"}};
  CHECK_FALSE(network_in(plan(world.fleet, seen, context)));
  context.in_flight.clear();
  context.network = network_in(first)->network;
  seen.network = NetworkSighting::kUnknown;
  CHECK_FALSE(network_in(plan(world.fleet, seen, context)));

  seen.network = NetworkSighting::kDamaged;
  Plan mended = plan(world.fleet, seen, context);
  REQUIRE(network_in(mended));
  const auto finding = network_in(mended)->finding;
  REQUIRE(finding);
  CHECK(finding->condition == Condition::kDamaged);
  CHECK(finding->action == CorrectiveAction::kRestored);
  // Each time that something was done is an event; what is only told is told once.
  for (int i = 0; i < 2; ++i) CHECK(told(world.doing(ReportDrift{std::nullopt, *finding})) == "drift_corrected");
  DriftCorrected failed = *finding;
  failed.action = CorrectiveAction::kFailed;
  CHECK(told(world.doing(ReportDrift{std::nullopt, failed})) == "drift_corrected");
  CHECK(told(world.doing(ReportDrift{std::nullopt, failed})) == "-");

  // It may still run while it is being deleted: the rules stay until it is gone.
  world.doing(DeleteVm{"a", true});
  CHECK(names(plan_subject(world.fleet, seen, context, stream_of(a))) ==
        std::vector<std::string>{"tear_down_vm"});
  world.doing(ReportTornDown{a, vm(world, "a").fence});
  Plan last = plan_subject(world.fleet, seen, context, stream_of(a));
  REQUIRE(network_in(last));
  CHECK(network_in(last)->network.empty());
}

TEST_CASE("rules whose setting failed are set again, whoever the guests are by then") {
  World world = host_with_image();
  world.doing(bridged("a", true));
  const VmId a = vm(world, "a").id;
  Observation seen{.processes_known = true, .directories_known = true, .links_known = true};
  seen.network = NetworkSighting::kAsLeft;
  PlanContext context;
  context.network = network_of(world.fleet);
  CHECK_FALSE(network_in(plan_subject(world.fleet, seen, context, stream_of(a))));
  context.network.reset();  // it failed on its way
  CHECK(network_in(plan_subject(world.fleet, seen, context, stream_of(a))));
  CHECK(network_in(plan(world.fleet, seen, context)));
}

TEST_CASE("a tap that was taken from a running VM is told once for each incarnation") {
  World world = web_in(VmState::kRunning);
  world.given(VmAddressAssigned{"172.16.0.2"});
  Observation seen{.processes_known = true, .directories_known = true, .links_known = true};
  seen.vmms[kWeb] = {{{kBoot, 101, 1}, 1}};
  seen.vm_directories.insert(kWeb);
  seen.image_directories.insert(kTiny);
  PlanContext context;
  context.network = network_of(world.fleet);
  Plan planned = plan(world.fleet, seen, context);
  const auto* settle = std::get_if<Settle>(&planned.effects.at(0));
  REQUIRE(settle);
  CHECK(told(world.doing(settle->outcome)) == "drift_corrected");
  CHECK(world.web().cut_off);
  CHECK(names(plan(world.fleet, seen, context)) == std::vector<std::string>{"await_guest"});
  world.given(VmDied{1, "gone"}).given(VmStartRequested{2, 1, 1});
  CHECK_FALSE(world.web().cut_off);
}

TEST_CASE("leftovers of VMs that no log knows are told of, and swept only where the configuration says so") {
  World world = web_in(VmState::kStopped);
  constexpr VmId kNobody{0xdead};
  Observation seen{.processes_known = true, .directories_known = true, .links_known = true};
  seen.vm_directories = {kWeb, kNobody};
  seen.image_directories.insert(kTiny);
  seen.vmms[kNobody] = {{{kBoot, 101, 1}, 1}};
  seen.taps.insert(kNobody);
  PlanContext context;
  CHECK(plan(world.fleet, seen, context).effects.size() == 3);  // its VMM, its tap, its directory
  context.sweep = true;
  Plan swept = plan(world.fleet, seen, context);
  REQUIRE(names(swept) == std::vector<std::string>{"sweep_vm"});
  const auto& sweep = std::get<SweepVm>(swept.effects[0]);
  CHECK(sweep.vm == kNobody);
  CHECK(sweep.findings.size() == 3);
  for (const DriftCorrected& finding : sweep.findings) {
    CHECK(finding.condition == Condition::kUnowned);
    CHECK(finding.action == CorrectiveAction::kRemoved);
  }
  context.held.insert(stream_of(kNobody));
  CHECK(names(plan(world.fleet, seen, context)).empty());
  context.held.clear();
  // A look that failed proves nothing, and a stream that stands still may be of a VM after all.
  seen.processes_known = false;
  CHECK(std::ranges::count(names(plan(world.fleet, seen, context)), "sweep_vm") == 0);
  seen.processes_known = true;
  park(world.fleet, stream_of(kNobody), world.fleet.last, "cannot be read");
  CHECK(std::ranges::count(names(plan(world.fleet, seen, context)), "sweep_vm") == 0);
}

}  // namespace banger
