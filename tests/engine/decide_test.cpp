#include "engine/decide.h"

#include <functional>
#include <span>

#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

// One row a command: what it leads to in created, starting, running, stopping, stopped, error,
// deleting.
struct Row {
  const char* what;
  std::function<Ask(Sequence fence)> ask;
  std::array<const char*, 7> then;
};

const DriftCorrected kFinding{ResourceClass::kVmm, Condition::kStale, "vm-x",
                              CorrectiveAction::kKilled, "x"};

const Row kIntents[] = {
    {"start",
     [](Sequence) { return StartVm{"web"}; },
     {"vm_start_requested", "-", "-", "!wrong_state", "vm_start_requested", "vm_start_requested",
      "!wrong_state"}},
    {"stop",
     [](Sequence) { return StopVm{"web"}; },
     {"-", "vm_stop_requested", "vm_stop_requested", "-", "-", "-", "!wrong_state"}},
    {"stop -f",
     [](Sequence) { return StopVm{"web", StopMode::kForced}; },
     {"-", "vm_stop_requested", "vm_stop_requested", "vm_stop_requested", "-", "-",
      "!wrong_state"}},
    {"restart",
     [](Sequence) { return RestartVm{"web"}; },
     {"vm_start_requested", "vm_stop_requested", "vm_stop_requested", "!wrong_state",
      "vm_start_requested", "vm_start_requested", "!wrong_state"}},
    {"rm",
     [](Sequence) { return DeleteVm{"web"}; },
     {"vm_delete_requested", "!wrong_state", "!wrong_state", "!wrong_state", "vm_delete_requested",
      "vm_delete_requested", "-"}},
    {"rm -f",
     [](Sequence) { return DeleteVm{"web", true}; },
     {"vm_delete_requested", "vm_delete_requested", "vm_delete_requested", "vm_delete_requested",
      "vm_delete_requested", "vm_delete_requested", "-"}},
    {"set vcpus",
     [](Sequence) { return SetVm{.vm = "web", .vcpus = 2}; },
     {"vm_changed", "vm_changed", "vm_changed", "vm_changed", "vm_changed", "vm_changed",
      "!wrong_state"}},
    {"set nothing new",
     [](Sequence) { return SetVm{.vm = "web", .vcpus = 1}; },
     {"-", "-", "-", "-", "-", "-", "!wrong_state"}},
    {"set disk",
     [](Sequence) { return SetVm{.vm = "web", .disk_mib = 2048}; },
     {"vm_changed", "!wrong_state", "!wrong_state", "!wrong_state", "vm_changed", "vm_changed",
      "!wrong_state"}},
    {"set ports",
     [](Sequence) { return SetVm{.vm = "web", .ports = {{}}}; },
     {"vm_changed", "!wrong_state", "!wrong_state", "!wrong_state", "vm_changed", "vm_changed",
      "!wrong_state"}},
    {"exec",
     [](Sequence) { return StartExec{"web", {"true"}}; },
     {"!wrong_state", "!wrong_state", "exec_started", "!wrong_state", "!wrong_state",
      "!wrong_state", "!wrong_state"}},
    {"finish an exec that is not open",
     [](Sequence) { return FinishExec{kWeb, ExecId{1}}; },
     {"-", "-", "-", "-", "-", "-", "-"}},
    {"create of the same name",
     [](Sequence) { return CreateVm{"web", "tiny", settings()}; },
     {"!already_exists", "!already_exists", "!already_exists", "!already_exists", "!already_exists",
      "!already_exists", "!already_exists"}},
    {"image rm",
     [](Sequence) { return DeleteImage{"tiny"}; },
     {"!in_use", "!in_use", "!in_use", "!in_use", "!in_use", "!in_use", "!in_use"}},
};

const Row kOutcomes[] = {
    {"spawned",
     [](Sequence f) { return ReportSpawned{kWeb, f}; },
     {"-", "vm_started", "-", "-", "-", "-", "-"}},
    {"spawn failed",
     [](Sequence f) { return ReportSpawnFailed{kWeb, f, StartStage::kVmm, "x"}; },
     {"-", "vm_start_failed", "-", "-", "-", "-", "-"}},
    {"ssh port busy",
     [](Sequence f) { return ReportPortBusy{kWeb, f, kWebSsh}; },
     {"-", "vm_port_reassigned", "-", "-", "-", "-", "-"}},
    {"ready",
     [](Sequence f) { return ReportReady{kWeb, f}; },
     {"-", "-", "vm_ready", "-", "-", "-", "-"}},
    {"deadline",
     [](Sequence f) { return ReportDeadline{kWeb, f}; },
     {"-", "vm_start_failed", "vm_ready_missed", "vm_stop_requested", "-", "-", "-"}},
    {"torn down",
     [](Sequence f) { return ReportTornDown{kWeb, f}; },
     {"-", "-", "-", "-", "-", "-", "vm_deleted"}},
    {"teardown failed",
     [](Sequence f) { return ReportTearDownFailed{kWeb, f, "x"}; },
     {"-", "-", "-", "vm_tear_down_stalled", "-", "-", "vm_tear_down_stalled"}},
};

// These tell of an incarnation instead of an intent.
const Row kEnds[] = {
    {"gone",
     [](Sequence i) { return ReportGone{kWeb, static_cast<std::uint32_t>(i), std::nullopt, "x"}; },
     {"-", "-", "vm_died", "vm_stopped", "-", "-", "-"}},
    {"powered off",
     [](Sequence i) {
       return ReportGone{kWeb, static_cast<std::uint32_t>(i), StoppedBy::kGuest, ""};
     },
     {"-", "-", "vm_stopped", "vm_stopped", "-", "-", "-"}},
};

TEST_CASE("every intent in every state") {
  for (const Row& row : kIntents) {
    for (std::size_t i = 0; i < 7; ++i) {
      World world = web_in(kStates[i]);
      INFO(row.what << " while " << name_of(kStates[i]));
      auto decided = world.doing(row.ask(world.web().fence));
      CHECK(told(decided) == row.then[i]);
      CHECK(world.fleet.parked.empty());
      if (!decided) CHECK_FALSE(decided.error().message.empty());
    }
  }
}

void check_outcomes(std::span<const Row> rows, Sequence (*fence_of_web)(const VmRuntime&)) {
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < 7; ++i) {
      World world = web_in(kStates[i]);
      Sequence fence = fence_of_web(world.web());
      INFO(row.what << " while " << name_of(kStates[i]));
      CHECK(told(world.when(row.ask(fence - 1))) == "-");
      CHECK(told(world.when(row.ask(fence + 1))) == "-");
      CHECK(told(world.doing(row.ask(fence))) == row.then[i]);
      CHECK(world.fleet.parked.empty());
    }
  }
}

TEST_CASE("every outcome in every state, and none with a stale fence or of another incarnation") {
  check_outcomes(kOutcomes, [](const VmRuntime& vm) { return vm.fence; });
  check_outcomes(kEnds, [](const VmRuntime& vm) { return Sequence{vm.incarnation}; });
}

TEST_CASE("an outcome belongs to the intent's command and names it as its cause") {
  World world = web_in(VmState::kStarting);
  auto decided = world.when(ReportSpawned{kWeb, world.web().fence, true});
  REQUIRE(decided);
  CHECK(decided->events ==
        std::vector{NewEvent{stream_of(kWeb), VmStarted{1, true}, world.web().fence, {9, 9}}});
}

TEST_CASE("nothing about a VM that is not there") {
  World world = host_with_image();
  for (const Row& row : kOutcomes) CHECK(told(world.when(row.ask(1))) == "-");
  CHECK(told(world.when(StartVm{"web"})) == "!not_found");
  CHECK(told(world.when(FinishExec{kWeb, ExecId{1}})) == "-");
}

TEST_CASE("nothing more goes into a parked stream, and its intents are refused with the reason") {
  for (VmState state : kStates) {
    World world = web_in(state);
    if (state == VmState::kRunning) world.given(ExecStarted{ExecId{5}, 1, false, 0, {}});
    Sequence fence = world.web().fence;
    world.given(VmCreated{"web", kTiny, "tiny", settings(), 0, false});
    REQUIRE(world.fleet.parked.contains(stream_of(kWeb)));
    for (const Row& row : kOutcomes) CHECK(told(world.when(row.ask(fence))) == "-");
    CHECK(told(world.when(FinishExec{kWeb, ExecId{5}})) == "-");
    CHECK(told(world.when(ReportDrift{kWeb, kFinding})) == "-");
    auto refused = world.when(StartVm{"web"});
    REQUIRE(told(refused) == "!parked");
    CHECK_THAT(refused.error().message, Catch::Matchers::Contains("the VM exists already"));
    CHECK(told(world.when(ReportHost{{2, 2}, "6.1", "1"})) == "host_booted,daemon_started");
  }
}

TEST_CASE("a parked image is not touched either") {
  World world = host_with_image();
  world.given(stream_of(kTiny), ImageReady{});
  CHECK(told(world.when(DeleteImage{"tiny"})) == "!parked");
}

TEST_CASE("a parked host stream does not turn every start into a reboot") {
  World world = web_in(VmState::kRunning);
  world.given(kHostStream, VmDeleted{});
  CHECK(told(world.when(ReportHost{{2, 2}, "6.1", "1"})) == "-");
  CHECK(told(world.when(ReportDaemonStopped{})) == "-");
  CHECK(told(world.when(ReportDrift{std::nullopt, kFinding})) == "-");
}

TEST_CASE("deletion pre-empts a start: what comes of it later is dropped") {
  World world = web_in(VmState::kStarting);
  Sequence start = world.web().fence;
  world.doing(DeleteVm{"web", true});
  CHECK(told(world.when(ReportSpawned{kWeb, start})) == "-");
  CHECK(told(world.when(ReportSpawnFailed{kWeb, start, StartStage::kVmm, "x"})) == "-");
  CHECK(told(world.doing(ReportTornDown{kWeb, world.web().fence})) == "vm_deleted");
  CHECK(world.fleet.vms.empty());
  CHECK(world.fleet.vm_names.empty());
  CHECK(world.fleet.host_ports.empty());
  CHECK(told(world.when(CreateVm{"web", "tiny", settings()})) == "vm_created");
}

TEST_CASE("a restart stops, then starts the next incarnation") {
  World world = web_in(VmState::kRunning);
  CHECK(told(world.doing(RestartVm{"web"})) == "vm_stop_requested");
  CHECK(world.web().then_start);
  CHECK(told(world.when(RestartVm{"web"})) == "-");
  CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) ==
        "vm_stopped,vm_start_requested");
  CHECK(world.web().state == VmState::kStarting);
  CHECK(world.web().incarnation == 2);
  CHECK_FALSE(world.web().then_start);
}

TEST_CASE("a stop overrides a restart under way, and a deadline keeps it") {
  World world = web_in(VmState::kRunning);
  world.doing(RestartVm{"web", StopMode::kGraceful, 1000});
  SECTION("stop") {
    CHECK(told(world.doing(StopVm{"web"})) == "vm_stop_requested");
    CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) == "vm_stopped");
    CHECK(world.web().state == VmState::kStopped);
  }
  SECTION("deadline") {
    CHECK(told(world.doing(ReportDeadline{kWeb, world.web().fence})) == "vm_stop_requested");
    CHECK(world.web().stop_mode == StopMode::kForced);
    CHECK(told(world.when(ReportDeadline{kWeb, world.web().fence})) == "-");
    CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) ==
          "vm_stopped,vm_start_requested");
  }
}

TEST_CASE("--rm: the end of the last command deletes the VM, however it ends") {
  World world = web_in(VmState::kRunning, true);
  world.doing(StartExec{"web", {"a"}});
  world.doing(StartExec{"web", {"b"}});
  REQUIRE(world.web().execs.size() == 2);
  ExecId first = world.web().execs[0].id;
  ExecId second = world.web().execs[1].id;
  SECTION("one after the other") {
    CHECK(told(world.doing(FinishExec{kWeb, first})) == "exec_finished");
    CHECK(told(world.doing(FinishExec{kWeb, second})) == "exec_finished,vm_delete_requested");
    CHECK(world.web().state == VmState::kDeleting);
  }
  SECTION("the VM dies under them") {
    CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) ==
          "vm_died,exec_finished,exec_finished,vm_delete_requested");
    CHECK(world.web().execs.empty());
  }
  SECTION("the host reboots, and autostart does not bring it back") {
    VmSettings its = world.web().settings;
    its.autostart = true;
    world.given(VmChanged{its});
    CHECK(told(world.doing(ReportHost{{2, 2}, "6.1", "1"})) ==
          "host_booted,vm_host_rebooted,exec_finished,exec_finished,vm_delete_requested,daemon_"
          "started");
  }
  SECTION("it is restarted") {
    world.doing(RestartVm{"web"});
    CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) ==
          "vm_stopped,exec_finished,exec_finished,vm_delete_requested");
  }
  SECTION("it is deleted meanwhile") {
    CHECK(told(world.doing(DeleteVm{"web", true})) ==
          "vm_delete_requested,exec_finished,exec_finished");
    CHECK(told(world.when(FinishExec{kWeb, first})) == "-");
  }
  CHECK(world.fleet.parked.empty());
}

TEST_CASE("--rm does not delete a VM that never ran a command, nor one without --rm") {
  World world = web_in(VmState::kRunning, true);
  CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) == "vm_died");
  world = web_in(VmState::kRunning, false);
  world.doing(StartExec{"web", {"a"}});
  CHECK(told(world.doing(ReportGone{kWeb, world.web().incarnation})) == "vm_died,exec_finished");
}

TEST_CASE("a reboot moves on what ran, starts what is to be started, and is told once") {
  World world = web_in(VmState::kRunning);
  bool autostart = GENERATE(false, true);
  world.doing(SetVm{.vm = "web", .autostart = autostart});
  CHECK(told(world.when(ReportHost{kBoot, "6.1", "1"})) == "daemon_started");
  CHECK(told(world.doing(ReportHost{{2, 2}, "6.1", "1"})) ==
        (autostart ? "host_booted,vm_host_rebooted,vm_start_requested,daemon_started"
                   : "host_booted,vm_host_rebooted,daemon_started"));
  CHECK(world.web().incarnation == (autostart ? 2 : 1));
  CHECK(told(world.when(ReportHost{{2, 2}, "6.1", "1"})) == "daemon_started");
}

TEST_CASE("a reboot leaves what was down, and lets intents under way go on") {
  for (VmState state : kStates) {
    if (state == VmState::kRunning) continue;
    World world = web_in(state);
    CHECK(told(world.doing(ReportHost{{2, 2}, "6.1", "1"})) == "host_booted,daemon_started");
    CHECK(world.web().state == state);
  }
}

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
    REQUIRE(told(world.doing(ReportPortBusy{kWeb, world.web().fence, kWebPort})) ==
            "vm_port_reassigned");
    CHECK(world.web().settings.ports[0].host_port != kWebPort);
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
       {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "::1", "1.2.3.4,x", "1.2.3.4 "}) {
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

TEST_CASE("images: made, failed, deleted; a late outcome is dropped") {
  World world = host_with_image();
  CHECK(told(world.when(MakeImage{"x", ImageSource::kRecipe, "nope"})) == "!invalid");
  CHECK(told(world.when(MakeImage{"x", ImageSource::kImport, "", "relative"})) == "!invalid");
  CHECK(told(world.when(MakeImage{"tiny", ImageSource::kRecipe, "tiny"})) == "!already_exists");
  world.doing(MakeImage{"x", ImageSource::kImport, "", "/some/path"});
  ImageId id = world.fleet.image_names.at("x");
  Sequence fence = world.fleet.images.at(id).fence;
  CHECK(told(world.when(ReportImageMade{id, fence + 1})) == "-");
  CHECK(told(world.when(ReportImageRemoved{id, fence})) == "-");
  SECTION("made") {
    CHECK(told(world.doing(ReportImageMade{id, fence})) == "image_ready");
    CHECK(world.fleet.images.at(id).path.empty());
    CHECK(told(world.when(ReportImageMade{id, fence})) == "-");
  }
  SECTION("failed") {
    CHECK(told(world.doing(ReportImageFailed{id, fence, "x"})) == "image_failed");
  }
  CHECK(told(world.doing(DeleteImage{"x"})) == "image_delete_requested");
  CHECK(told(world.when(DeleteImage{"x"})) == "-");
  CHECK(told(world.when(ReportImageMade{id, fence})) == "-");
  CHECK(told(world.doing(ReportImageRemoved{id, world.fleet.images.at(id).fence})) ==
        "image_deleted");
  CHECK_FALSE(world.fleet.image_names.contains("x"));
}

TEST_CASE("a VM is meant by its name, its id or a prefix that only it has") {
  World world = host_with_image();
  VmId a{0xabcd000000000001};
  VmId b{0xabcd100000000002};
  world.given(stream_of(a), VmCreated{"one", kTiny, "tiny", settings(), 0, false});
  world.given(stream_of(b), VmCreated{"abcd1", kTiny, "tiny", settings(), 0, false});
  auto means = [&](std::string_view text) { return resolve_vm(world.fleet, text); };
  CHECK(means("one").value() == a);
  CHECK(means(a.hex()).value() == a);
  CHECK(means("abcd0").value() == a);
  CHECK(means("abcd1").value() == b);
  CHECK(means("abcd").error().kind == Refusal::kInvalid);
  CHECK(means("abc").error().kind == Refusal::kNotFound);
  CHECK(means("").error().kind == Refusal::kNotFound);
  CHECK(means("ABCD0").error().kind == Refusal::kNotFound);
  CHECK(means(a.hex() + "0").error().kind == Refusal::kNotFound);
  world.given(stream_of(VmId{7}), VmCreated{"abcd0", kTiny, "tiny", settings(), 0, false});
  CHECK(means("abcd0").value() == VmId{7});  // names win
}

TEST_CASE("bounds on commands and on how many there are") {
  World world = web_in(VmState::kRunning);
  CHECK(told(world.when(StartExec{"web", std::vector<std::string>(4097, "")})) == "!invalid");
  CHECK(told(world.when(StartExec{"web", {std::string(256 * 1024, 'x')}})) == "!invalid");
  CHECK(told(world.when(StopVm{"web", StopMode::kGraceful, 3'600'001})) == "!invalid");
  for (int i = 0; i < 256; ++i) REQUIRE(told(world.doing(StartExec{"web", {}})) == "exec_started");
  CHECK(told(world.when(StartExec{"web", {}})) == "!exhausted");
}

TEST_CASE("a finding is the VM's where there is one, else the host's, once") {
  World world = web_in(VmState::kRunning);
  CHECK(world.when(ReportDrift{kWeb, kFinding})->events[0].stream == stream_of(kWeb));
  CHECK(world.when(ReportDrift{VmId{7}, kFinding})->events[0].stream == kHostStream);
  world.doing(ReportDrift{std::nullopt, kFinding});
  CHECK(told(world.when(ReportDrift{std::nullopt, kFinding})) == "-");
}

}  // namespace
}  // namespace banger
