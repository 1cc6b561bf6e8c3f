#include "engine/plan.h"

#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

// "spawn_vmm,cancel_effects"
std::string names(const Plan& plan) {
  std::string text;
  for (const Effect& effect : plan.effects)
    text += (text.empty() ? "" : ",") + std::string(name_of(effect));
  return text;
}

Observation seeing(std::vector<std::uint32_t> incarnations) {
  Observation seen{.processes_known = true, .directories_known = true};
  std::int32_t pid = 100;
  for (std::uint32_t each : incarnations) seen.vmms[kWeb].push_back({{kBoot, ++pid, 1}, each});
  seen.vm_directories.insert(kWeb);
  seen.image_directories.insert(kTiny);
  return seen;
}

enum Seen { kAbsent, kRight, kStale, kDuplicate, kUnnamed, kUnknownLook, kDisturbed };

Observation look(Seen what) {
  switch (what) {
    case kAbsent:
      return seeing({});
    case kRight:
      return seeing({1});
    case kStale:
      return seeing({7});
    case kDuplicate:
      return seeing({1, 1});
    case kUnnamed:
      return seeing({0});
    case kUnknownLook:
      return {};
    case kDisturbed: {
      Observation seen = seeing({1, 1});
      seen.disturbed.insert(kWeb);
      return seen;
    }
  }
  return {};
}

TEST_CASE("what is seen against what is wanted") {
  struct Row {
    VmState state;
    std::array<const char*, 7>
        then;  // absent, right, stale, duplicate, unnamed, look failed, disturbed
  };
  const char* kill = "kill_stray";
  const Row rows[] = {
      {VmState::kCreated, {"", kill, kill, "kill_stray,kill_stray", kill, "", ""}},
      {VmState::kStopped, {"", kill, kill, "kill_stray,kill_stray", kill, "", ""}},
      {VmState::kError, {"", kill, kill, "kill_stray,kill_stray", kill, "", ""}},
      {VmState::kStarting,
       {"spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm"}},
      {VmState::kStopping,
       {"stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm"}},
      {VmState::kDeleting,
       {"tear_down_vm", "tear_down_vm", "tear_down_vm", "tear_down_vm", "tear_down_vm",
        "tear_down_vm", "tear_down_vm"}},
      {VmState::kRunning,
       {"settle", "await_guest", "kill_stray,settle", "kill_stray,await_guest", "kill_stray,settle",
        "await_guest", "await_guest"}},
  };
  for (const Row& row : rows) {
    World world = web_in(row.state);
    for (int i = kAbsent; i <= kDisturbed; ++i) {
      INFO(name_of(row.state) << ", sight " << i);
      Plan planned = plan(world.fleet, look(static_cast<Seen>(i)), {});
      CHECK(names(planned) == row.then[static_cast<std::size_t>(i)]);
      // Asked again with nothing changed it gives the same, and one subject's plan is a part of the
      // whole.
      CHECK(names(plan(world.fleet, look(static_cast<Seen>(i)), {})) == names(planned));
      CHECK(names(plan_subject(world.fleet, look(static_cast<Seen>(i)), {}, stream_of(kWeb))) ==
            names(planned));
    }
  }
}

TEST_CASE("what the kernel holds of a disk, against what is wanted") {
  struct Row {
    VmState state;
    std::array<const char*, 5> then;  // nothing held, held, held and a VMM, look failed, disturbed
  };
  const Row rows[] = {
      {VmState::kCreated, {"", "release_handles", "kill_stray", "", ""}},
      {VmState::kStopped, {"", "release_handles", "kill_stray", "", ""}},
      {VmState::kError, {"", "release_handles", "kill_stray", "", ""}},
      {VmState::kStarting, {"spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm", "spawn_vmm"}},
      {VmState::kStopping, {"stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm", "stop_vmm"}},
      {VmState::kDeleting, {"tear_down_vm", "tear_down_vm", "tear_down_vm", "tear_down_vm", "tear_down_vm"}},
      {VmState::kRunning, {"settle", "settle", "await_guest", "await_guest", "await_guest"}},
  };
  for (const Row& row : rows) {
    World world = web_in(row.state);
    Observation looks[] = {seeing({}), seeing({}), seeing({1}), {}, seeing({})};
    for (std::size_t i = 1; i < 5; ++i) looks[i].disks[kWeb] = {.device = true, .loops = true};
    looks[4].disturbed.insert(kWeb);
    for (std::size_t i = 0; i < 5; ++i) {
      INFO(name_of(row.state) << ", sight " << i);
      CHECK(names(plan(world.fleet, looks[i], {})) == row.then[i]);
      CHECK(names(plan_subject(world.fleet, looks[i], {}, stream_of(kWeb))) == row.then[i]);
    }
  }
}

TEST_CASE("what is left of a disk is let go once, with a finding; a start waits for that and does not cancel it") {
  World world = web_in(VmState::kStopped);
  Observation seen = seeing({});
  seen.disks[kWeb] = {.device = false, .loops = true};
  Plan loops = plan(world.fleet, seen, {});
  REQUIRE(names(loops) == "release_handles");
  const auto& release = std::get<ReleaseHandles>(loops.effects[0]);
  CHECK(release.vm == kWeb);
  CHECK(release.findings[0].resource == ResourceClass::kLoop);
  CHECK(release.findings[0].condition == Condition::kUnwanted);
  CHECK(release.findings[0].action == CorrectiveAction::kRemoved);
  CHECK(release.findings[0].derived_name == "disk-" + kWeb.hex());
  CHECK(told(world.doing(ReportDrift{kWeb, release.findings[0]})) == "drift_corrected");
  seen.disks[kWeb].device = true;
  CHECK(std::get<ReleaseHandles>(plan(world.fleet, seen, {}).effects[0]).findings[0].resource == ResourceClass::kDmSnapshot);
  PlanContext context;
  context.in_flight[stream_of(kWeb)] = {{0, "release_handles"}};
  CHECK(names(plan(world.fleet, seen, context)).empty());
  CHECK(names(plan(web_in(VmState::kStarting).fleet, seen, context)).empty());
}

TEST_CASE("a disk of no VM in the log is reported once and never touched") {
  World world = web_in(VmState::kStopped);
  Observation seen = seeing({});
  seen.disks[VmId{0xdead}] = {.device = true, .loops = true};
  Plan planned = plan(world.fleet, seen, {});
  REQUIRE(names(planned) == "settle");
  const auto& report = std::get<ReportDrift>(std::get<Settle>(planned.effects[0]).outcome);
  CHECK(report.finding.resource == ResourceClass::kDmSnapshot);
  CHECK(report.finding.condition == Condition::kUnowned);
  CHECK(report.finding.derived_name == "disk-" + VmId{0xdead}.hex());
  world.doing(report);
  CHECK(names(plan(world.fleet, seen, {})).empty());
}

TEST_CASE(
    "the oldest of the right incarnation is the VM; the younger one is killed, with a finding") {
  World world = web_in(VmState::kRunning);
  Plan planned = plan(world.fleet, seeing({0, 1, 1}), {});
  REQUIRE(planned.effects.size() == 3);
  const auto& stale = std::get<KillStray>(planned.effects[0]);
  const auto& duplicate = std::get<KillStray>(planned.effects[1]);
  CHECK(stale.process.pid == 101);
  CHECK(stale.finding.condition == Condition::kStale);
  CHECK(duplicate.process.pid == 103);
  CHECK(duplicate.finding.condition == Condition::kDuplicate);
  CHECK(duplicate.finding.derived_name == "vm-" + kWeb.hex());
  CHECK(std::get<KillStray>(plan(web_in(VmState::kStopped).fleet, seeing({1}), {}).effects[0])
            .finding.condition == Condition::kUnwanted);
}

TEST_CASE("a VM that is gone is settled with its own fence, and what that leads to needs no more") {
  World world = web_in(VmState::kRunning);
  Plan planned = plan(world.fleet, seeing({}), {});
  REQUIRE(names(planned) == "settle");
  CHECK(told(world.doing(std::get<Settle>(planned.effects[0]).outcome)) == "vm_died");
  CHECK(names(plan(world.fleet, seeing({}), {})).empty());
}

TEST_CASE("nothing is planned twice: what is under way is left to end") {
  const std::pair<VmState, std::string_view> wanted[] = {{VmState::kStarting, "spawn_vmm"},
                                                         {VmState::kRunning, "await_guest"},
                                                         {VmState::kStopping, "stop_vmm"},
                                                         {VmState::kDeleting, "tear_down_vm"}};
  for (auto [state, effect] : wanted) {
    World world = web_in(state);
    PlanContext context;
    context.in_flight[stream_of(kWeb)] = {{world.web().fence, effect}};
    CHECK(names(plan(world.fleet, seeing({1}), context)).empty());
  }
}

TEST_CASE("an overtaken effect is cancelled once, and nothing else begins before it has ended") {
  for (VmState state : kStates) {
    World world = web_in(state);
    PlanContext context;
    InFlight old{world.web().fence - 1, "spawn_vmm"};
    context.in_flight[stream_of(kWeb)] = {old};
    INFO(name_of(state));
    Plan planned = plan(world.fleet, seeing({1}), context);
    REQUIRE(names(planned) == "cancel_effects");
    CHECK(std::get<CancelEffects>(planned.effects[0]).fence == old.fence);
    context.in_flight[stream_of(kWeb)][0].cancelling = true;
    CHECK(names(plan(world.fleet, seeing({1}), context)).empty());
  }
}

TEST_CASE("a start that outlived its deadline is cancelled, though no new intent overtook it") {
  World world = web_in(VmState::kStarting);
  PlanContext context;
  context.in_flight[stream_of(kWeb)] = {{world.web().fence, "spawn_vmm"}};
  world.doing(ReportDeadline{kWeb, world.web().fence});
  CHECK(names(plan(world.fleet, seeing({}), context)) == "cancel_effects");
}

TEST_CASE("a stray being killed is not cancelled, nor killed again, and nothing overlaps it") {
  World world = web_in(VmState::kRunning);
  PlanContext context;
  context.in_flight[stream_of(kWeb)] = {{0, "kill_stray"}};
  CHECK(names(plan(world.fleet, seeing({1, 1}), context)).empty());
}

TEST_CASE("an image that is parked or held has nothing done for it") {
  World world = web_in(VmState::kCreated);
  const StreamId other = stream_of(ImageId{7});
  world.given(other, ImageRequested{"other", ImageSource::kRecipe, "tiny", ""});
  CHECK(names(plan(world.fleet, seeing({}), {})) == "build_image");
  PlanContext held;
  held.held.insert(other);
  CHECK(names(plan(world.fleet, seeing({}), held)).empty());
  world.given(other, ImageDeleted{});
  REQUIRE(world.fleet.parked.contains(other));
  CHECK(names(plan(world.fleet, seeing({}), {})).empty());
}

TEST_CASE(
    "the guest is awaited until it is ready, also past its deadline, and only where there is a "
    "network") {
  World world = web_in(VmState::kRunning);
  CHECK(names(plan(world.fleet, seeing({1}), {})) == "await_guest");
  world.given(VmReadyMissed{1, 1});
  CHECK(names(plan(world.fleet, seeing({1}), {})) == "await_guest");
  world.given(VmReady{1, 1});
  CHECK(names(plan(world.fleet, seeing({1}), {})).empty());
}

TEST_CASE("a disturbed VM asks for another look; a failed look does not ask for itself") {
  World world = web_in(VmState::kRunning);
  CHECK(plan(world.fleet, look(kDisturbed), {}).wants_observation);
  CHECK_FALSE(plan(world.fleet, look(kUnknownLook), {}).wants_observation);
}

TEST_CASE("what failed since the last tick is held back, and a parked stream for good") {
  World world = web_in(VmState::kStarting);
  PlanContext context;
  context.held.insert(stream_of(kWeb));
  CHECK(names(plan(world.fleet, seeing({}), context)).empty());
  world.given(VmReady{1, 1});
  CHECK(names(plan(world.fleet, seeing({5}), {})).empty());
}

TEST_CASE("leftovers are told once, and never touched") {
  World world = host_with_image();
  Observation seen = seeing({3});
  seen.image_directories.insert(ImageId{5});
  Plan planned = plan(world.fleet, seen, {});
  REQUIRE(names(planned) == "settle,settle,settle");  // a process, its directory, an image's
  CHECK(names(plan(world.fleet, seen, {})) == names(planned));
  for (const Effect& effect : planned.effects) {
    CHECK(told(world.doing(std::get<Settle>(effect).outcome)) == "drift_corrected");
    CHECK(told(world.doing(std::get<Settle>(effect).outcome)) == "-");
  }
  CHECK(names(plan(world.fleet, seen, {})).empty());
}

TEST_CASE("images are built and removed, once each") {
  World world = host_with_image();
  Observation seen = seeing({});
  seen.vm_directories.clear();
  world.doing(MakeImage{"x", ImageSource::kRecipe, "tiny"});
  StreamId image = stream_of(world.fleet.image_names.at("x"));
  CHECK(names(plan(world.fleet, seen, {})) == "build_image");
  PlanContext context;
  context.in_flight[image] = {{world.fleet.images.at(ImageId{image.id}).fence, "build_image"}};
  CHECK(names(plan(world.fleet, seen, context)).empty());
  world.doing(DeleteImage{"x"});
  CHECK(names(plan(world.fleet, seen, context)) == "cancel_effects");
  CHECK(names(plan(world.fleet, seen, {})) == "remove_image");
}

TEST_CASE("every state that waits for somebody has a deadline, and no other") {
  auto due = [](VmState state) { return deadline_ms(web_in(state).web()); };
  CHECK(due(VmState::kStarting).value() == 60'000);
  CHECK(due(VmState::kRunning).value() == 120'000);
  CHECK(due(VmState::kStopping).value() == 31'000);
  for (VmState state :
       {VmState::kCreated, VmState::kStopped, VmState::kError, VmState::kDeleting}) {
    CHECK_FALSE(due(state).has_value());
  }
  CHECK_FALSE(deadline_ms(web_in(VmState::kRunning).given(VmReady{1, 1}).web()).has_value());
}

}  // namespace
}  // namespace banger
