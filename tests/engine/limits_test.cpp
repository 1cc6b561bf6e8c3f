// What decide gives out once only, and what it refuses: ports, sizes, names.
#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

// ---- ports ----

TEST_CASE("ports are allocated once each, until there are none") {
  World world = host_with_image();
  world.random = 7;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(told(world.doing(CreateVm{"vm" + std::to_string(i), "tiny", settings()})) ==
            "vm_created");
    ports.insert(std::get<VmCreated>(world.log.back().event).ssh_port);
  }
  CHECK(ports.size() == 10);
  CHECK(*ports.begin() == 21000);
  CHECK(*ports.rbegin() == 21009);
  CHECK(told(world.when(CreateVm{"more", "tiny", settings()})) == "!exhausted");
  VmSettings none = settings();
  none.net = NetMode::kNone;
  CHECK(told(world.when(CreateVm{"more", "tiny", none})) == "vm_created");
  world.doing(DeleteVm{"vm3"});
  CHECK(told(world.when(CreateVm{"more", "tiny", settings()})) ==
        "!exhausted");  // released on absence
  VmId gone = world.fleet.vm_names.at("vm3");
  world.doing(ReportTornDown{gone, world.fleet.vms.at(gone).fence});
  CHECK(told(world.when(CreateVm{"more", "tiny", settings()})) == "vm_created");
}

TEST_CASE("a busy port of ours is exchanged, a busy port of the user's fails the start") {
  World world = web_in(VmState::kStarting);
  SECTION("published by banger's choice") {
    Sequence before = world.web().fence;
    REQUIRE(told(world.doing(ReportPortBusy{kWeb, world.web().fence, kWebPort})) ==
            "vm_port_reassigned");
    CHECK(world.web().settings.ports[0].host_port != kWebPort);
    // What the attempt with the busy port has yet to say comes too late.
    CHECK(told(world.when(ReportSpawned{kWeb, before})) == "-");
    CHECK(told(world.when(ReportSpawned{kWeb, world.web().fence})) == "vm_started");
    CHECK_FALSE(world.fleet.host_ports.contains(kWebPort));
    CHECK(world.fleet.host_ports.at(world.web().settings.ports[0].host_port) == kWeb);
  }
  SECTION("by the user's") {
    VmSettings its = world.web().settings;
    its.ports[0].allocated = false;
    world.given(VmChanged{its});
    CHECK(told(world.doing(ReportPortBusy{kWeb, world.web().fence, kWebPort})) ==
          "vm_start_failed");
  }
  SECTION("one that is not the VM's at all") {
    CHECK(told(world.when(ReportPortBusy{kWeb, world.web().fence, 1})) == "vm_start_failed");
  }
}

TEST_CASE(
    "where every port is busy, the start fails within its timeout instead of trying for ever") {
  World world = web_in(VmState::kStarting);
  int attempts = 0;
  while (world.web().state == VmState::kStarting && attempts < 1000) {
    world.doing(ReportPortBusy{kWeb, world.web().fence, world.web().ssh_port});
    ++attempts;
  }
  CHECK(world.web().state == VmState::kError);
  CHECK(attempts <= 61);  // each takes a second here, and a start may take 60
}

TEST_CASE("a published port is one VM's, once, and not its ssh port") {
  World world = web_in(VmState::kStopped);
  auto with = [&](std::uint16_t port, const char* address = "127.0.0.1") {
    return std::vector<PortForward>{{address, port, 80}};
  };
  VmSettings its = settings();
  its.ports = with(kWebPort);
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!in_use");
  its.ports = with(kWebSsh);
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!in_use");
  CHECK(told(world.when(SetVm{.vm = "web", .ports = with(kWebSsh)})) == "!in_use");
  CHECK(told(world.when(SetVm{.vm = "web", .ports = with(kWebPort)})) == "vm_changed");
  its.ports = {{"127.0.0.1", 8080, 80}, {"127.0.0.1", 8080, 81}};
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  its.ports = {{"127.0.0.1", 8080, 0}};
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  its.ports = std::vector<PortForward>(65, {"127.0.0.1", 0, 80});
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  its.ports = with(8080);
  its.net = NetMode::kNone;
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  its.net = NetMode::kUser;
  for (const char* address :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "::1", "1.2.3.4,x", "1.2.3.4 ",
        "127.0.0.01"}) {
    its.ports = with(8080, address);
    CAPTURE(address);
    CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  }
  its.ports = with(8080, "0.0.0.0");
  CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "vm_created");
}

// ---- limits and names ----

TEST_CASE("what no host has is refused, with the bounds") {
  World world = host_with_image();
  auto refused = [&](auto change) {
    VmSettings its = settings();
    change(its);
    CHECK(told(world.when(CreateVm{"b", "tiny", its})) == "!invalid");
  };
  refused([](VmSettings& s) { s.vcpus = 0; });
  refused([](VmSettings& s) { s.vcpus = 9; });
  refused([](VmSettings& s) { s.vcpus = ~0u; });
  refused([](VmSettings& s) { s.memory_mib = 0; });
  refused([](VmSettings& s) { s.memory_mib = 63; });
  refused([](VmSettings& s) { s.memory_mib = 10ull << 20; });  // 10 TiB
  refused([](VmSettings& s) { s.memory_mib = ~0ull; });
  refused([](VmSettings& s) { s.disk_mib = 0; });
  refused([](VmSettings& s) { s.disk_mib = 63; });  // the image takes 64
  refused([](VmSettings& s) { s.disk_mib = ~0ull; });
  VmSettings most{.vcpus = 8, .memory_mib = 16384, .disk_mib = 65536};
  CHECK(told(world.when(CreateVm{"b", "tiny", most})) == "vm_created");
  world.doing(CreateVm{"b", "tiny", most});
  CHECK(told(world.when(SetVm{.vm = "b", .vcpus = 0})) == "!invalid");
  CHECK(told(world.when(SetVm{.vm = "b", .memory_mib = 10ull << 20})) == "!invalid");
  CHECK(told(world.when(SetVm{.vm = "b", .disk_mib = 1024})) == "!invalid");  // a disk only grows
}

TEST_CASE("names that would not do as a host name are refused") {
  World world = host_with_image();
  for (const char* name : {"a/b", "../x", "A", "a_b", "-a", "a-", "a.b", "a b", "\n", "caf\xc3\xa9",
                           "0123456789abcdef", "x\x1b[2J"}) {
    CAPTURE(name);
    CHECK(told(world.when(CreateVm{name, "tiny", settings()})) == "!invalid");
    CHECK(told(world.when(MakeImage{name, ImageSource::kRecipe, "tiny"})) == "!invalid");
  }
  CHECK(told(world.when(CreateVm{std::string(64, 'a'), "tiny", settings()})) == "!invalid");
  CHECK(told(world.when(CreateVm{std::string(63, 'a'), "tiny", settings()})) == "vm_created");
  CHECK(told(world.when(CreateVm{"", "tiny", settings()})) == "vm_created");
}

TEST_CASE("an image must be there and ready; a start is one decision with the creation") {
  World world = host_with_image();
  CHECK(told(world.when(CreateVm{"b", "nope", settings()})) == "!not_found");
  CHECK(told(world.when(CreateVm{"b", "", settings()})) == "!not_found");
  CHECK(told(world.doing(MakeImage{"new", ImageSource::kRecipe, "debian"})) == "image_requested");
  CHECK(told(world.when(CreateVm{"b", "new", settings()})) == "!wrong_state");
  CHECK(told(world.when(
            CreateVm{.name = "b", .image = "tiny", .settings = settings(), .start = true})) ==
        "vm_created,vm_start_requested");
}

TEST_CASE("bounds on commands and on how many there are") {
  World world = web_in(VmState::kRunning);
  CHECK(told(world.when(StartExec{"web", std::vector<std::string>(4097, "")})) == "!invalid");
  CHECK(told(world.when(StartExec{"web", {std::string(256 * 1024, 'x')}})) == "!invalid");
  CHECK(told(world.when(StopVm{"web", StopMode::kGraceful, 3'600'001})) == "!invalid");
  for (int i = 0; i < 256; ++i) REQUIRE(told(world.doing(StartExec{"web", {}})) == "exec_started");
  CHECK(told(world.when(StartExec{"web", {}})) == "!exhausted");
}

}  // namespace
}  // namespace banger
