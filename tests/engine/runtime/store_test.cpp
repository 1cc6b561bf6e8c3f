// What a start loads: rows where they are as far as the log, the log itself where they are not; and no store at all where
// the log cannot be read, for nobody can go on from half of one.
#include "tests/engine/runtime/world.h"

namespace banger::test {
namespace {

// Says of one of its functions that it fails.
class FailingLog : public MemoryLog {
 public:
  std::string fails;

  [[nodiscard]] Status read(Sequence from, const std::function<bool(const log::Frame&)>& visit) override {
    return fails == "read" ? fail("disk") : MemoryLog::read(from, visit);
  }
  [[nodiscard]] Status rows(std::string_view projection, std::uint32_t version,
                            const log::EventLog::RowVisitor& visit) override {
    return fails == "rows" ? fail("disk") : MemoryLog::rows(projection, version, visit);
  }
  [[nodiscard]] Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) override {
    return fails == "checkpoint" ? fail("disk") : MemoryLog::checkpoint(projection, version);
  }
  [[nodiscard]] Result<std::vector<log::Interned>> interned(std::uint8_t table) override {
    return fails == "interned" ? fail("disk") : MemoryLog::interned(table);
  }
};

FailingLog log_of(World& world) {
  FailingLog log;
  static_cast<MemoryLog&>(log) = world.log;
  return log;
}

TEST_CASE("rows or checkpoints that cannot be read are made anew from the log; a log that cannot be read is an error") {
  World world;
  world.make_image();
  world.run_web();
  FailingLog log = log_of(world);
  REQUIRE_FALSE(load_store(log)->rebuilt);
  for (const char* rows : {"rows", "checkpoint"}) {
    log.fails = rows;
    const auto store = load_store(log);
    CAPTURE(rows);
    REQUIRE(store);
    CHECK(store->rebuilt);
    CHECK(store->fleet.vms == world.runtime->fleet().vms);
  }
  for (const char* events : {"interned", "read"}) {
    log.fails = events;
    CAPTURE(events);
    const auto store = load_store(log);
    REQUIRE_FALSE(store);
    CHECK(store.error().message == "disk");
  }
  log.fails = "read";
  log.checkpoints[std::string(kVmRuntime.name)] = 1;  // to be replayed, too
  CHECK_FALSE(load_store(log));
}

TEST_CASE("an interned entry that is none keeps the store from being loaded") {
  World world;
  world.make_image();
  world.log.names.push_back({static_cast<std::uint8_t>(InternTable::kBoot), 99, "no boot id"});
  CHECK_FALSE(load_store(world.log));
}

TEST_CASE("an event whose bytes tell no time is left out of its chunk's times, and the rest is loaded") {
  World world;
  world.make_image();
  world.run_web();
  world.log.durable_events.back().public_bytes = "no event";
  const auto store = load_store(world.log);
  REQUIRE(store);
  CHECK_FALSE(store->rebuilt);
  CHECK(store->fleet.vms == world.runtime->fleet().vms);
}

}  // namespace
}  // namespace banger::test
