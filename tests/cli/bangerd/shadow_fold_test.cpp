// The shadow fold on a real log: rows as they should be, a row that somebody changed, one that is gone, one too
// many, and an event that cannot be read.
#include "cli/bangerd/care/shadow_fold.h"

#include "events/codec.h"
#include "tests/catch.h"
#include "tests/cli/bangerd/stored_fleet.h"

namespace banger::bangerd {
namespace {

CheckReport check(test::StoredFleet& fleet) {
  ShadowFold fold(fleet.log());
  for (;;) {
    auto done = fold.slice();
    if (!done) FAIL(done.error().message);
    if (*done) return fold.report();
  }
}

void write_row(test::StoredFleet& fleet, const ProjectionInfo& info, std::string key, std::optional<std::string> value) {
  log::AppendRequest request;
  request.rows.push_back({std::string(info.name), info.version, std::move(key), std::move(value)});
  fleet.append(std::move(request));
}

TEST_CASE("rows that are what the log makes them") {
  test::StoredFleet fleet(6);
  CHECK(check(fleet).drifted() == 0);  // of an empty log, too
  fleet.live(500, 20);
  const CheckReport report = check(fleet);
  CHECK(report.sequence == 500);
  CHECK(report.drifted() == 0);
  CHECK(report.projections.size() == std::size(kProjections));
  CHECK(report.projections[0].rows > 0);
}

TEST_CASE("a row that was changed, removed or put there is found, with both sides") {
  test::StoredFleet fleet(6);
  fleet.live(300, 10);
  VmRuntime changed = fleet.store().fleet.vms.begin()->second;
  const std::string key = row_key(stream_of(changed.id));
  const std::string right = row_bytes(changed);
  changed.name = "somebody-else";
  write_row(fleet, kVmRuntime, key, row_bytes(changed));
  const StreamId other = std::next(fleet.store().fleet.vms.begin())->first.value
                             ? stream_of(std::next(fleet.store().fleet.vms.begin())->first)
                             : kHostStream;
  write_row(fleet, kHistory, row_key(other), std::nullopt);
  write_row(fleet, kParkedStreams, "zz", "no row of ours");
  const CheckReport report = check(fleet);
  CHECK(report.drifted() == 3);
  REQUIRE(report.rows.size() == 3);
  CHECK(report.rows[0].projection == kVmRuntime.name);
  CHECK(report.rows[0].key == key);
  CHECK(report.rows[0].stored == row_bytes(changed));
  CHECK(report.rows[0].folded == right);
  CHECK(report.rows[1].projection == kHistory.name);
  CHECK(report.rows[1].stored.empty());
  CHECK(report.rows[2].projection == kParkedStreams.name);
  CHECK(report.rows[2].folded.empty());
}

TEST_CASE("rows are those of one moment, whatever is appended meanwhile; the fold can catch up") {
  test::StoredFleet fleet(6);
  fleet.live(100, 10);
  ShadowFold fold(fleet.log());
  fleet.live(50, 10);
  for (Result<bool> done = false; !*done;) {
    done = fold.slice();
    REQUIRE(done);
  }
  CHECK(fold.report().sequence == 100);
  CHECK(fold.report().drifted() == 0);
  REQUIRE(fold.catch_up());
  CHECK(fold.replay().fleet().last == 150);
  CHECK(fold.replay().fleet().vms == fleet.store().fleet.vms);
}

// Appends an event with these bytes to the stream, behind the back of everything that folds.
void plant(test::StoredFleet& fleet, StreamId stream, std::string bytes) {
  const StreamVersion version = fleet.store().fleet.version_of(stream) + 1;
  log::AppendRequest request;
  request.events.push_back({.sequence = fleet.log().next_sequence(),
                            .stream = stream,
                            .stream_version = version,
                            .kind = VmStopped::kKind,
                            .public_bytes = std::move(bytes)});
  fleet.append(std::move(request));
}

TEST_CASE("an event that cannot be read parks its stream at the next start, and only that; a newer one refuses") {
  test::StoredFleet fleet(4);
  fleet.live(60, 5);
  const VmId victim = fleet.store().fleet.vms.begin()->first;
  SECTION("bytes that are no event") { plant(fleet, stream_of(victim), "not an event"); }
  SECTION("an event with an enum that means nothing") {
    Interned interned = fleet.store().interned;
    EventRecord record{{.sequence = 61,
                        .stream = stream_of(victim),
                        .version = fleet.store().fleet.version_of(stream_of(victim)) + 1,
                        .actor = {1000, "alice", "bangerctl 0.1.0"},
                        .boot = BootId{1, 2}},
                       VmStopped{1, static_cast<StoppedBy>(99)}};
    plant(fleet, stream_of(victim), encode(record, interned, Salt{}).open);
  }
  fleet.reopen();
  SystemClock clock;
  StoredLog port(fleet.log(), clock);
  auto store = load_store(port);
  REQUIRE(store);
  CHECK(store->rebuilt);
  REQUIRE(store->fleet.parked.size() == 1);
  CHECK(store->fleet.parked.begin()->first == stream_of(victim));
  CHECK(store->fleet.parked.begin()->second.sequence == 61);
  CHECK_THAT(store->fleet.parked.begin()->second.reason, Catch::StartsWith("cannot be read: "));
  CHECK(store->fleet.vms.size() == fleet.store().fleet.vms.size());
  CHECK(store->fleet.last == 61);
  CHECK(store->history.at(stream_of(victim)).last_sequence == 0);

  // What a start then writes is what a shadow fold finds.
  SystemEntropy entropy;
  EventRecord next{{.sequence = 62, .stream = kHostStream, .version = 1, .actor = {0, "root", "daemon"},
                    .time_ns = 1, .boot = BootId{1, 2}},
                   DaemonStarted{"0.1.0"}};
  fleet.append(fold_and_encode(*store, port, {next}, entropy));
  const CheckReport report = check(fleet);
  CHECK(report.sequence == 62);
  CHECK(report.drifted() == 0);
}

TEST_CASE("an event of a newer banger is refused at start, with its number") {
  test::StoredFleet fleet(4);
  fleet.live(10, 5);
  Interned interned = fleet.store().interned;
  EventRecord record{{.sequence = 11, .stream = kHostStream, .version = 1, .actor = {1000, "alice", "bangerctl 0.1.0"},
                      .boot = BootId{1, 2}, .schema_version = kSchemaVersion + 1},
                     DaemonStopped{}};
  plant(fleet, kHostStream, encode(record, interned, Salt{}).open);
  SystemClock clock;
  StoredLog port(fleet.log(), clock);
  auto store = load_store(port);
  REQUIRE_FALSE(store);
  CHECK_THAT(store.error().message, Catch::Contains("event 11") && Catch::Contains("newer"));
}

TEST_CASE("rows that cannot be read are made anew from the log at start") {
  test::StoredFleet fleet(4);
  fleet.live(40, 5);
  const VmId victim = fleet.store().fleet.vms.begin()->first;
  write_row(fleet, kVmRuntime, row_key(stream_of(victim)), "garbage");
  SystemClock clock;
  StoredLog port(fleet.log(), clock);
  auto store = load_store(port);
  REQUIRE(store);
  CHECK(store->rebuilt);
  CHECK(store->fleet.vms == fleet.store().fleet.vms);
}

}  // namespace
}  // namespace banger::bangerd
