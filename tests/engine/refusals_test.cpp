// What decide refuses because of what somebody else has by now, and reports that it drops because they come too late.
#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

constexpr VmId kOther{0xbbbb000000000001};

VmSettings publishing(std::size_t ports) {
  VmSettings its = settings();
  its.ports.assign(ports, {"127.0.0.1", 0, 80, Protocol::kTcp, false});
  return its;
}

TEST_CASE("an id that was drawn once more is no second VM's, and no second image's") {
  World world = host_with_image();
  const std::uint64_t next = world.command(StartVm{"web"}).fresh_id + 1;
  world.given(stream_of(VmId{next}), VmCreated{"web", kTiny, "tiny", settings(), 0, false});
  CHECK(told(world.when(CreateVm{"db", "tiny", settings()})) == "!conflict");
  CHECK(told(world.when(CreateVm{"db", "tiny", settings()})) == "vm_created");  // with the next id
  world.given(stream_of(ImageId{next + 2}), ImageRequested{"debian", ImageSource::kRecipe, "debian", ""});
  CHECK(told(world.when(MakeImage{"small", ImageSource::kRecipe, "tiny", ""})) == "!conflict");
  CHECK(told(world.when(MakeImage{"small", ImageSource::kRecipe, "tiny", ""})) == "image_requested");
}

TEST_CASE("where no host port is left nothing is published") {
  World world = host_with_image();
  world.limits.last_port = world.limits.first_port + 1;
  CHECK(told(world.when(CreateVm{"db", "tiny", publishing(3)})) == "!exhausted");
  CHECK(told(world.when(CreateVm{"db", "tiny", publishing(2)})) == "!exhausted");  // none for its ssh
  REQUIRE(told(world.doing(CreateVm{"db", "tiny", publishing(1)})) == "vm_created");
  CHECK(told(world.when(SetVm{.vm = "db", .ports = publishing(2).ports})) == "!exhausted");
  CHECK(told(world.when(SetVm{.vm = "db", .ports = publishing(0).ports})) == "vm_changed");
}

TEST_CASE("a VM does not start without its image, nor a bridged one without a bridge") {
  World world = web_in(VmState::kStopped);
  SECTION("image") {
    world.given(stream_of(kTiny), ImageDeleteRequested{});
    world.given(stream_of(kTiny), ImageDeleted{});
    CHECK(told(world.when(StartVm{"web"})) == "!not_found");
  }
  SECTION("bridge") {
    VmSettings bridged = settings();
    bridged.net = NetMode::kBridge;
    world.given(stream_of(kOther), VmCreated{"db", kTiny, "tiny", bridged, 0, false});
    REQUIRE(told(world.when(StartVm{"db"})) == "vm_address_assigned,vm_start_requested");
    world.limits.subnet = std::nullopt;
    CHECK(told(world.when(StartVm{"db"})) == "!wrong_state");
  }
}

TEST_CASE("what is no address takes up none of the subnet's") {
  World world = host_with_image();
  VmSettings bridged = settings();
  bridged.net = NetMode::kBridge;
  world.given(stream_of(kOther), VmCreated{"db", kTiny, "tiny", bridged, 0, false});
  world.given(stream_of(kOther), VmAddressAssigned{"172.16.0.2 "});
  const auto decided = world.when(CreateVm{"web", "tiny", bridged});
  REQUIRE(told(decided) == "vm_created,vm_address_assigned");
  CHECK(std::get<VmAddressAssigned>(decided->events[1].event).address == "172.16.0.2");
}

TEST_CASE("names: what a host name can be, and nothing that could be taken for an id") {
  World world = host_with_image();
  const std::string longest(63, 'n');
  for (const std::string& good : {std::string("web-2"), std::string("webserver-number"), longest}) {
    CAPTURE(good);
    CHECK(told(world.when(MakeImage{good, ImageSource::kRecipe, "tiny", ""})) == "image_requested");
  }
  for (const std::string& bad : {std::string(), longest + "n", std::string("Web"), std::string("web:2"), std::string("we{b"),
                                 std::string("-web"), std::string("web-"), std::string("0123456789abcdef")}) {
    CAPTURE(bad);
    CHECK(told(world.when(MakeImage{bad, ImageSource::kRecipe, "tiny", ""})) == "!invalid");
  }
  CHECK(told(world.when(StartVm{"gone{"})) == "!not_found");
  CHECK(told(world.when(StartVm{"dead:beef"})) == "!not_found");
}

TEST_CASE("a report of what is not there, or of a stream that is parked, is dropped") {
  World world = web_in(VmState::kRunning);
  CHECK(told(world.when(ReportImageMade{ImageId{77}, 1, {}, 1, 1})) == "-");
  CHECK(told(world.when(ReportGone{kOther, 1, std::nullopt, "x"})) == "-");
  REQUIRE(told(world.when(ReportGone{kWeb, 1, std::nullopt, "x"})) == "vm_died");
  world.given(VmStarted{7, false});
  REQUIRE(world.fleet.parked.contains(stream_of(kWeb)));
  CHECK(told(world.when(ReportGone{kWeb, 1, std::nullopt, "x"})) == "-");
}

TEST_CASE("of the commands of a VM of run --rm the last one asks for its deletion, and only once") {
  World world = web_in(VmState::kRunning, true);
  world.given(ExecStarted{ExecId{1}, 1});
  world.given(ExecStarted{ExecId{2}, 1});
  CHECK(told(world.doing(FinishExec{kWeb, ExecId{1}})) == "exec_finished");
  CHECK(told(world.when(FinishExec{kWeb, ExecId{2}})) == "exec_finished,vm_delete_requested");
  world.given(VmDeleteRequested{true});
  CHECK(told(world.when(FinishExec{kWeb, ExecId{2}})) == "exec_finished");
}

}  // namespace
}  // namespace banger
