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

TEST_CASE("what a restore or a repair did to the log is told once, by the next start") {
  World world = host_with_image();
  ReportHost report{kBoot, "6.1", "1", {{2, EpochReason::kRestored, 5, 9}, {3, EpochReason::kLossAccepted, 4, 9}}};
  CHECK(told(world.doing(report)) == "log_epoch_began,log_epoch_began,daemon_started");
  CHECK(world.fleet.host.log_epoch == 3);
  CHECK(told(world.doing(report)) == "daemon_started");
}

TEST_CASE("a reboot leaves what was down, and lets intents under way go on") {
  for (VmState state : kStates) {
    if (state == VmState::kRunning) continue;
    World world = web_in(state);
    CHECK(told(world.doing(ReportHost{{2, 2}, "6.1", "1"})) == "host_booted,daemon_started");
    CHECK(world.web().state == state);
  }
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

TEST_CASE("a finding is the VM's where there is one, else the host's: what was done each time, what is only told once") {
  World world = web_in(VmState::kRunning);
  CHECK(world.when(ReportDrift{kWeb, kFinding})->events[0].stream == stream_of(kWeb));
  CHECK(world.when(ReportDrift{VmId{7}, kFinding})->events[0].stream == kHostStream);
  DriftCorrected told_only = kFinding;
  told_only.action = CorrectiveAction::kReported;
  world.doing(ReportDrift{std::nullopt, told_only});
  CHECK(told(world.when(ReportDrift{std::nullopt, told_only})) == "-");
  DriftCorrected done = kFinding;
  done.action = CorrectiveAction::kRemoved;
  for (int i = 0; i < 2; ++i) CHECK(told(world.doing(ReportDrift{std::nullopt, done})) == "drift_corrected");
  CHECK(told(world.when(ReportDrift{std::nullopt, told_only})) == "drift_corrected");  // it came again
}

}  // namespace
}  // namespace banger
