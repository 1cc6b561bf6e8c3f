#include "tests/engine/runtime/world.h"

#include "events/codec.h"
#include "projections/replay.h"

namespace banger::test {

TEST_CASE("nothing is answered and nothing done before it is durable") {
  World world;
  world.make_image();
  auto answer = world.ask(World::web(), 2);
  CHECK_FALSE(*answer);
  CHECK(world.effects.begun.empty());
  world.sync();
  REQUIRE(*answer);
  CHECK((**answer)->last == world.log.head());
  CHECK(name_of(world.effects.begun.front().effect) == "spawn_vmm");
}

TEST_CASE("a look that comes before a request is durable begins nothing for it") {
  World world;
  world.ask(MakeImage{"base", ImageSource::kRecipe, "tiny", ""}, 1);
  world.timers.fire(World::kTickMs);
  world.observer.see(world.seen());
  CHECK(world.effects.begun.empty());
  world.sync();
  CHECK_FALSE(world.effects.begun.empty());
}

TEST_CASE("a refusal that rests on what is not durable yet waits for it") {
  World world;
  world.make_image();
  world.ask(World::web(false), 2);
  auto refused = world.ask(World::web(false), 3);
  CHECK_FALSE(*refused);
  world.sync();
  REQUIRE(*refused);
  CHECK((**refused).error().kind == Refusal::kAlreadyExists);
}

TEST_CASE("a command id has one effect, asked again at once, after its sync, or after a restart") {
  World world;
  world.make_image();
  auto first = world.ask(World::web(), 2);
  auto again = world.ask(World::web(), 2);
  world.sync();
  Sequence head = world.log.head();
  auto later = world.ask(World::web(), 2);
  world.timers.fire(0);
  world.restart();
  auto restarted = world.ask(World::web(), 2);
  auto other = world.ask(World::web(), 2, 7);
  world.sync();
  world.timers.fire(0);
  for (const auto& each : {again, later, restarted}) {
    REQUIRE(*each);
    CHECK((**each)->subject == (**first)->subject);
    CHECK((**each)->first == (**first)->first);
  }
  REQUIRE(*other);
  CHECK((**other).error().kind == Refusal::kConflict);
  CHECK(world.log.head() == head + 1);  // the restart's own event
  CHECK(world.runtime->fleet().vms.size() == 1);
}

TEST_CASE("a command that changes nothing is remembered all the same") {
  World world;
  world.make_image();
  world.run_web();
  Sequence head = world.log.head();
  auto answer = world.ask(StartVm{"web"}, 50);
  CHECK_FALSE(*answer);
  world.sync();
  REQUIRE(*answer);
  CHECK((**answer)->first == 0);
  CHECK(world.log.head() == head);
  CHECK(world.log.commands.contains(CommandId{0, 50}));
}

TEST_CASE("what was not synced when the daemon died never was; what was goes on") {
  World world;
  world.make_image();
  auto lost = world.ask(World::web(), 2);
  world.restart();
  CHECK(world.runtime->fleet().vms.empty());
  auto asked = world.ask(World::web(), 2);
  world.sync();
  REQUIRE(*asked);
  (void)world.effects.take("spawn_vmm");
  world.restart();
  (void)world.effects.take("spawn_vmm");  // the effect was under way, nobody knows how far: it is planned again
}

TEST_CASE("rows that were loaded, rows rebuilt from events, and the live fleet are the same") {
  World world;
  world.make_image();
  world.run_web();
  world.ask(StopVm{"web", StopMode::kGraceful, 1000}, 60);
  world.sync();
  auto live = world.log.stored;
  Replay replay;
  auto interned = world.runtime->interned();
  REQUIRE(world.log.read(1, [&](const log::Frame& frame) {
    auto record = decode(frame.public_bytes, frame.personal_bytes(), interned);
    REQUIRE(record);
    REQUIRE(replay.fold(*record));
    return true;
  }));
  for (const ProjectionInfo& projection : kProjections) {
    CHECK(replay.rows(projection.name) == live[std::string(projection.name)]);
  }
  // A projection whose rows are behind is built anew, with the next event that is written.
  world.log.stored.clear();
  world.log.checkpoints.clear();
  world.restart();
  CHECK(world.log.stored["vm_runtime"] == live["vm_runtime"]);
  CHECK(world.log.stored["images"] == live["images"]);
  CHECK(world.log.stored["names"] == live["names"]);
}

TEST_CASE("a look that began before an effect ended proves nothing about its VM") {
  World world;
  world.make_image();
  world.ask(World::web(), 2);
  world.sync();
  auto spawn = world.effects.take("spawn_vmm");
  world.timers.fire(World::kTickMs);  // a look begins, and sees no process yet
  spawn.done({.outcomes = {ReportSpawned{world.vm().id, world.vm().fence, false}}});
  world.sync();
  world.observer.see({});
  CHECK(world.vm().state == VmState::kRunning);
  world.observer.see({});  // the look that this one asked for: now absence is absence
  CHECK(world.vm().state == VmState::kError);
}

TEST_CASE("an effect that failed is tried again at the next tick, and not before") {
  World world;
  world.make_image();
  world.run_web();
  world.ask(DeleteVm{"web", true}, 70);
  world.sync();
  auto tear_down = world.effects.take("tear_down_vm");
  tear_down.done({.outcomes = {ReportTearDownFailed{world.vm().id, world.vm().fence, "busy"}}, .retry_later = true});
  world.sync();
  CHECK(world.effects.begun.empty());
  Sequence head = world.log.head();
  for (int tick = 0; tick < 3; ++tick) {
    world.timers.fire(World::kTickMs);
    world.observer.see(world.seen());
    auto again = world.effects.take("tear_down_vm");
    again.done({.outcomes = {ReportTearDownFailed{world.vm().id, world.vm().fence, "busy"}}, .retry_later = true});
    world.sync();
    while (!world.observer.asked.empty()) world.observer.see(world.seen());
  }
  CHECK(world.log.head() == head);  // the same failure is recorded once
}

TEST_CASE("deletion pre-empts a start: it is given up, and its late outcome has no effect") {
  World world;
  world.make_image();
  world.ask(World::web(), 2);
  world.sync();
  auto spawn = world.effects.take("spawn_vmm");
  Sequence start_fence = world.vm().fence;
  world.ask(DeleteVm{"web", true}, 70);
  world.sync();
  CHECK(world.effects.cancelled == std::vector<Sequence>{start_fence});
  CHECK(world.effects.begun.empty());  // not before the start has ended
  VmId id = world.vm().id;
  spawn.done({.outcomes = {ReportSpawned{id, start_fence, false}}});
  auto tear_down = world.effects.take("tear_down_vm");
  tear_down.done({.outcomes = {ReportTornDown{id, world.vm().fence}}});
  world.sync();
  CHECK(world.runtime->fleet().vms.empty());
}

TEST_CASE("an exec whose client stays away is lost, and takes a VM of run --rm with it") {
  World world;
  world.make_image();
  world.run_web(true);
  auto answer = world.ask(StartExec{"web", {"make"}, false, 0}, 80);
  world.sync();
  VmId vm = world.vm().id;
  ExecId exec = world.vm().execs.front().id;
  world.runtime->hold_exec(vm, exec);
  CHECK(world.timers.fire(World::kGraceMs) == 0);
  SECTION("it left") { world.runtime->release_exec(vm, exec); }
  SECTION("the daemon died, and nobody came back") { world.restart(); }
  CHECK(world.timers.fire(World::kGraceMs) == 1);
  world.sync();
  CHECK(world.vm().execs.empty());
  CHECK(world.vm().state == VmState::kDeleting);
}

TEST_CASE("with little room on the disk only what frees it is taken") {
  World world;
  world.make_image();
  world.ask(World::web(false), 2);
  world.sync();
  world.runtime->set_low_water(true);
  auto refused = world.ask(StartVm{"web"}, 90);
  REQUIRE(*refused);
  CHECK((**refused).error().kind == Refusal::kExhausted);
  auto taken = world.ask(DeleteVm{"web", false}, 91);
  world.sync();
  REQUIRE(*taken);
  CHECK((**taken).has_value());
}

TEST_CASE("a deadline that passes is an event, and stops counting once the state has moved on") {
  World world;
  world.make_image();
  world.ask(World::web(), 2);
  world.sync();
  CHECK(world.timers.fire(HostLimits{}.start_timeout_ms) == 1);
  world.sync();
  CHECK(world.vm().state == VmState::kError);
  CHECK(world.timers.fire(HostLimits{}.start_timeout_ms) == 0);
}

TEST_CASE("a VMM that was seen to end is no stray, whatever an older look at the host still shows") {
  World world;
  world.make_image();
  world.run_web();
  const Observation before = world.seen();
  world.runtime->notice(ReportGone{world.vm().id, world.vm().incarnation, {}, "killed by signal 9"});
  world.sync();
  CHECK(world.vm().state != VmState::kRunning);
  CHECK(world.effects.begun.empty());
  world.observer.see(before);  // a look that began after it
  world.sync();
  CHECK(world.effects.begun.size() == 1);  // still there: now it is one
}

TEST_CASE("a client that comes back in time keeps its exec") {
  World world;
  world.make_image();
  world.run_web();
  world.ask(StartExec{"web", {"make"}, false, 0}, 80);
  world.sync();
  const ExecId exec = world.vm().execs.front().id;
  world.runtime->release_exec(world.vm().id, exec);
  world.runtime->hold_exec(world.vm().id, exec);
  CHECK(world.timers.fire(World::kGraceMs) == 0);
  CHECK(world.vm().execs.size() == 1);
}

TEST_CASE("who subscribed is told of what is durable, and who left meanwhile is not") {
  World world;
  world.make_image();
  std::vector<Sequence> first, second;
  std::uint64_t leaves = 0;
  world.runtime->subscribe([&](Sequence sequence) {
    first.push_back(sequence);
    world.runtime->unsubscribe(leaves);
  });
  leaves = world.runtime->subscribe([&](Sequence sequence) { second.push_back(sequence); });
  world.ask(World::web(false), 2);
  CHECK(first.empty());
  world.sync();
  CHECK(first == std::vector<Sequence>{world.log.head()});
  CHECK(second.empty());
}

TEST_CASE("what is under way is in the status until it has ended") {
  World world;
  world.make_image();
  world.ask(World::web(), 2);
  world.sync();
  CHECK(world.runtime->status().in_flight == 1);
  world.effects.take("spawn_vmm").done({.outcomes = {ReportSpawned{world.vm().id, world.vm().fence, false}}});
  CHECK(world.runtime->status().in_flight == 0);
}

TEST_CASE("a daemon that stops takes up nothing any more: no report, no look, no exec to wait for") {
  World world;
  world.make_image();
  world.run_web();
  world.ask(StartExec{"web", {"make"}, false, 0}, 80);
  world.sync();
  bool stopped = false;
  world.runtime->stop([&] { stopped = true; });
  CHECK_FALSE(stopped);
  world.sync();
  CHECK(stopped);
  const Sequence head = world.log.head();
  CHECK(world.log.durable_events.back().kind == DaemonStopped::kKind);
  world.runtime->notice(ReportGone{world.vm().id, world.vm().incarnation, {}, "killed by signal 9"});
  world.runtime->release_exec(world.vm().id, world.vm().execs.front().id);
  CHECK(world.timers.fire(World::kTickMs) == 0);
  CHECK(world.timers.fire(World::kGraceMs) == 0);
  world.sync();
  CHECK(world.log.head() == head);
  CHECK(world.observer.asked.empty());
  auto refused = world.ask(StartVm{"web"}, 81);
  REQUIRE(*refused);
  CHECK((**refused).error().message == "the daemon is stopping");
}

TEST_CASE("an image that its driver finds gone by itself disturbs no VM") {
  World world;
  world.make_image();
  const Image& image = world.runtime->fleet().images.begin()->second;
  world.runtime->notice(ReportImageRemoved{image.id, image.fence});
  world.sync();
  CHECK(world.runtime->fleet().images.size() == 1);  // nobody asked for that
}

}  // namespace banger::test
