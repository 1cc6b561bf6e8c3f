// What the runtime does for its own log: erasures are recorded with what they erase, rows are rebuilt from events
// alone.
#include "events/codec.h"
#include "projections/replay.h"
#include "tests/engine/runtime/world.h"

namespace banger::test {
namespace {

Replay replay_of(MemoryLog& log) {
  Interned interned;
  for (const log::Interned& each : log.names) {
    REQUIRE(interned.load({static_cast<InternTable>(each.table), each.id, each.value}));
  }
  Replay replay;
  for (const log::EncodedEvent& event : log.durable_events) {
    REQUIRE(replay.fold_stored(event.public_bytes, event.personal_bytes, interned,
                               [](Sequence) -> Result<StreamId> { return fail("not asked for"); }));
  }
  return replay;
}

TEST_CASE("an erasure and its record are one request, answered once it is durable") {
  World world;
  world.make_image();
  world.run_web();
  world.ask(StartExec{"web", {"cat", "/etc/secret"}, false, 0}, 9);
  world.sync();
  const Sequence exec = world.log.head();
  REQUIRE(world.log.durable_events.back().kind == ExecStarted::kKind);
  Sequence told = 0;
  world.runtime->erase({1000, "ann", "bangerctl"}, {world.vm().id, "web", 1}, {exec}, {},
                       [&](Sequence sequence) { told = sequence; });
  REQUIRE_FALSE(world.log.queued.empty());
  CHECK(world.log.queued.back().erase == std::vector<Sequence>{exec});
  CHECK(told == 0);
  world.sync();
  CHECK(told == exec + 1);
  CHECK(world.log.durable_events.back().kind == PersonalErased::kKind);
}

TEST_CASE("an archive and its record are one request, answered once it is durable") {
  World world;
  world.make_image();
  world.sync();
  const Sequence head = world.log.head();
  Sequence told = 0;
  world.runtime->archive({1000, "ann", "bangerctl"}, {1, 2, "some.archive", 100, {}},
                         {.record = {.first = 1, .last = 2}, .leaving = {1}, .replaces = {}},
                         [&](Sequence sequence) { told = sequence; });
  REQUIRE_FALSE(world.log.queued.empty());
  REQUIRE(world.log.queued.back().archives.size() == 1);
  CHECK(world.log.queued.back().archives[0].leaving == std::vector<Sequence>{1});
  CHECK(told == 0);
  world.sync();
  CHECK(told == head + 1);
  CHECK(world.log.durable_events.back().kind == LogArchived::kKind);
}

TEST_CASE("a rebuild writes what a replay makes, takes it for its own state, and removes what is too much") {
  World world;
  world.make_image();
  world.run_web();
  auto& stored = world.log.stored[std::string(kVmRuntime.name)];
  REQUIRE(stored.size() == 1);
  VmRuntime wrong = world.vm();
  wrong.settings.memory_mib = 1;
  stored.begin()->second = row_bytes(wrong);
  stored["surplus"] = "row";
  world.restart();
  CHECK(world.vm().settings.memory_mib == 512);  // a row that cannot be read: everything was replayed
  stored.erase("surplus");
  stored.begin()->second = row_bytes(wrong);
  world.restart();
  REQUIRE(world.vm().settings.memory_mib == 1);
  stored["surplus"] = "row";
  REQUIRE(world.runtime->settled());
  CHECK(world.runtime->rebuild(replay_of(world.log), kVmRuntime.name,
                               {{std::string(kVmRuntime.name), kVmRuntime.version, "surplus", std::nullopt}}) == 2);
  world.sync();
  CHECK(world.vm().settings.memory_mib == 512);
  CHECK(stored == replay_of(world.log).rows(kVmRuntime.name));
}

TEST_CASE("what a shadow fold found is in the status") {
  World world;
  world.runtime->told_of_shadow_fold(7, 2);
  CHECK(world.runtime->status().shadow_folds == 1);
  CHECK(world.runtime->status().shadow_fold_to == 7);
  CHECK(world.runtime->status().drifted_rows == 2);
}

}  // namespace
}  // namespace banger::test
