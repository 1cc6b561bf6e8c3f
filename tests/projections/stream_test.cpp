// What looking at the past rests on: a stream folded by itself, a moment found by its time, rows compared with what they
// should be, and events that cannot be read.
#include "projections/check.h"
#include "projections/moment.h"
#include "tests/engine/given.h"

namespace banger {
namespace {

using namespace test;

// ---- rows that drifted ----

TEST_CASE("rows that are missing, too many or other than they should be are counted, and the first is named") {
  RowCheck check("vms", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", "5"}});
  check.see("b", "2");
  check.see("bb", "9");
  check.see("c", "8");
  check.see("d", "4");
  CheckReport report;
  std::move(check).finish(report);
  RowCheck behind("images", {{"a", "1"}});
  behind.see("a", "1");
  behind.see("z", "7");
  std::move(behind).finish(report);

  REQUIRE(report.projections.size() == 2);
  CHECK(report.projections[0].rows == 5);
  CHECK(report.projections[0].bytes == 10);
  CHECK(report.projections[0].drifted == 4);
  CHECK(report.projections[0].example == "a");
  CHECK(report.projections[1].drifted == 1);
  CHECK(report.projections[1].example == "z");
  CHECK(report.drifted() == 5);
  std::string rows;
  for (const DriftedRow& row : report.rows) rows += row.key + ":" + row.stored + "/" + row.folded + " ";
  CHECK(rows == "a:/1 bb:9/ c:8/3 e:/5 z:7/ ");
}

TEST_CASE("of many rows that drifted all are counted, and a thousand kept over all projections") {
  CheckReport report;
  for (const char* projection : {"vms", "images"}) {
    RowCheck check(projection, {});
    for (std::size_t i = 0; i <= kMaxDriftedRows; ++i) check.see(std::to_string(i), "x");
    std::move(check).finish(report);
  }
  CHECK(report.drifted() == 2 * (kMaxDriftedRows + 1));
  CHECK(report.rows.size() == kMaxDriftedRows);
  CHECK(report.rows.back().projection == "vms");
}

TEST_CASE("a key is shown by its bytes") { CHECK(key_hex(std::string_view("\0\x7f\xffz", 4)) == "007fff7a"); }

// ---- moments ----

Result<std::vector<std::int64_t>> no_times(const TimesRow&) { return fail("the log cannot be read"); }

TEST_CASE("a moment that its chunks cannot tell is an error where their times are not to be had") {
  CHECK(find_moment({}, 10, no_times) == Moment{});
  const TimesRow chunks[] = {{1, 4, 10, 20}, {5, 8, 21, 30}};
  CHECK(find_moment(chunks, 20, no_times) == Moment{4, 4, 4});
  CHECK(find_moment(chunks, 5, no_times) == Moment{});
  CHECK(find_moment(chunks, 25, no_times).error().message == "the log cannot be read");
  const auto too_few = [](const TimesRow&) -> Result<std::vector<std::int64_t>> { return std::vector<std::int64_t>{21, 22}; };
  CHECK(find_moment(chunks, 25, too_few).error().message == "a chunk of the log lacks events");
}

// ---- a stream by itself ----

TEST_CASE("a stream that is folded by itself has the row that it had among all, from zero and from a snapshot") {
  const World world = web_in(VmState::kRunning);
  StreamFold whole(stream_of(kWeb));
  REQUIRE(whole.begin(""));
  CHECK(whole.row().empty());
  std::string snapshot;
  for (const EventRecord& record : world.log) {
    if (record.envelope.stream != stream_of(kWeb)) continue;
    REQUIRE(whole.take(record));
    if (snapshot.empty()) snapshot = whole.row();
  }
  CHECK(whole.row() == row_bytes(world.web()));

  StreamFold rest(stream_of(kWeb));
  REQUIRE(rest.begin(snapshot));
  CHECK(rest.row() == snapshot);
  for (const EventRecord& record : world.log) {
    if (record.envelope.stream == stream_of(kWeb) && record.envelope.version > 1) REQUIRE(rest.take(record));
  }
  CHECK(rest.row() == whole.row());
  CHECK_FALSE(StreamFold(stream_of(kWeb)).begin("no row"));
}

TEST_CASE("an event that does not fit the stream that is folded is an error") {
  World world = web_in(VmState::kCreated);
  StreamFold fold(stream_of(kWeb));
  REQUIRE(fold.take(world.log.back()));
  CHECK(fold.take(world.log.back()).error().message == "event 4 does not fit its stream, which is not parked");
}

TEST_CASE("each kind of stream has a projection of its own") {
  CHECK(projection_of(StreamKind::kHost).name == kHost.name);
  CHECK(projection_of(StreamKind::kVm).name == kVmRuntime.name);
  CHECK(projection_of(StreamKind::kImage).name == kImages.name);
}

// ---- snapshots and chunks ----

TEST_CASE("a VM whose last event is where a snapshot is due leaves none: it is gone") {
  World world = web_in(VmState::kCreated);
  PastFold past;
  std::size_t snapshots = 0;
  const auto take_all = [&](std::size_t from) {
    for (; from < world.log.size(); ++from) {
      // The fleet at the end serves: its VM is there, or gone, as it is at the event that a snapshot falls on.
      for (const Row& row : past.fold(world.fleet, world.log[from])) snapshots += row.projection == kSnapshots.name ? 1 : 0;
    }
  };
  while (world.web().version < kSnapshotEvery) world.given(VmChanged{settings()});
  take_all(0);
  CHECK(snapshots == 1);
  const std::size_t seen = world.log.size();
  while (world.web().version < 2 * kSnapshotEvery - 2) world.given(VmChanged{settings()});
  world.given(VmDeleteRequested{true});
  world.given(VmDeleted{});
  REQUIRE_FALSE(world.fleet.vms.contains(kWeb));
  REQUIRE(world.log.back().envelope.version == 2 * kSnapshotEvery);
  take_all(seen);
  CHECK(snapshots == 1);
}

TEST_CASE("a chunk of which no event could be read has no times") {
  PastFold past;
  CHECK(past.skip(kTimesEvery).empty());
  past.resume(kTimesEvery + 1, 17);
  const auto rows = past.skip(2 * kTimesEvery);
  REQUIRE(rows.size() == 1);
  CHECK(parse_times_row(rows[0].value).value() == TimesRow{kTimesEvery + 1, kTimesEvery + 1, 17, 17});
}

// ---- events that cannot be read ----

TEST_CASE("an event that cannot be read parks the stream that it or the log's index says, or ends the replay") {
  Replay replay;
  const auto lost = [](Sequence) -> Result<StreamId> { return fail("no stream has it"); };
  const Status failed = replay.fold(UnreadableEvent{1, {}, "bytes"}, lost);
  REQUIRE_FALSE(failed);
  CHECK_THAT(failed.error().message, Catch::Contains("event 1: bytes") && Catch::Contains("no stream has it"));
  REQUIRE(replay.fold(UnreadableEvent{1, {}, "bytes"}, [](Sequence) -> Result<StreamId> { return stream_of(kWeb); }));
  CHECK(replay.fleet().parked.at(stream_of(kWeb)).reason == "cannot be read: bytes");
  REQUIRE(replay.fold(UnreadableEvent{2, stream_of(kTiny), "bytes"}, lost));
  CHECK(replay.fleet().parked.contains(stream_of(kTiny)));
}

}  // namespace
}  // namespace banger
