// What the daemon says about the past, held against a replay of everything up to that point.
#include "cli/bangerd/audit/past.h"

#include "cli/bangerd/audit/living.h"
#include "engine/decide.h"
#include "engine/runtime/load_interned.h"
#include "tests/cli/bangerd/stored_past.h"

using namespace banger;
using namespace banger::bangerd;
using namespace banger::test;

namespace {

std::string row_in(const Replay& replay, StreamId stream) {
  const auto rows = replay.rows(projection_of(stream.kind).name);
  const auto row = rows.find(row_key(stream));
  return row == rows.end() ? std::string() : row->second;
}

std::vector<std::string> living(const StoredPast& past, const Interned& interned, StreamKind kind,
                                Sequence at) {
  std::vector<std::string> rows;
  for (std::uint64_t after = 0;;) {
    const auto page = living_at(*past.log, interned, kind, at, after);
    REQUIRE(page);
    rows.insert(rows.end(), page->rows.begin(), page->rows.end());
    if (!page->more) return rows;
    after = page->last_id;
  }
}

void check_at(const StoredPast& past, const Interned& interned, const Replay& replay,
              const std::set<StreamId>& streams) {
  const Fleet& fleet = replay.fleet();
  CAPTURE(fleet.last);
  for (const StreamId stream : streams) {
    const auto state = state_at(*past.log, interned, stream, fleet.last);
    REQUIRE(state);
    CHECK((state->row == row_in(replay, stream)));
    const auto parked = fleet.parked.find(stream);
    REQUIRE(state->parked.has_value() == (parked != fleet.parked.end()));
    if (state->parked) CHECK((*state->parked == parked->second));
  }
  for (int i = 0; i < 5; ++i) {
    const std::string name = "vm-" + std::to_string(i);
    const auto ours = named_at(*past.log, interned, StreamKind::kVm, name, fleet.last);
    const auto theirs = resolve_vm(fleet, name);
    REQUIRE(ours.has_value() == theirs.has_value());
    if (!theirs) continue;
    CHECK(ours->stream == stream_of(*theirs));
    const auto by_id =
        named_at(*past.log, interned, StreamKind::kVm, theirs->hex().substr(0, 9), fleet.last);
    REQUIRE(by_id);
    CHECK(by_id->stream == stream_of(*theirs));
  }
  std::vector<std::string> vms, images;
  for (const auto& [id, vm] : fleet.vms) vms.push_back(row_bytes(vm));
  for (const auto& [id, image] : fleet.images) images.push_back(row_bytes(image));
  CHECK((living(past, interned, StreamKind::kVm, fleet.last) == vms));
  CHECK((living(past, interned, StreamKind::kImage, fleet.last) == images));
}

// By the words of projections/moment.h, one event after the other.
Moment slow_moment(const std::vector<EventRecord>& records, std::int64_t time_ns) {
  Moment moment;
  std::int64_t best = INT64_MIN;
  for (const EventRecord& record : records) {
    const std::int64_t time = record.envelope.time_ns;
    if (time > time_ns) continue;
    moment.at_most = record.envelope.sequence;
    if (time >= best) moment.sequence = record.envelope.sequence;
    best = std::max(best, time);
  }
  while (moment.sequence < records.size() && records[moment.sequence].envelope.time_ns <= time_ns)
    ++moment.sequence;
  while (moment.at_least < records.size() && records[moment.at_least].envelope.time_ns <= time_ns)
    ++moment.at_least;
  return moment;
}

}  // namespace

TEST_CASE("what was at any event is what a replay up to there gives") {
  const StoredPast past(5, 9'000, 3);
  const auto interned = load_interned(*past.log);
  REQUIRE(interned);
  Dice dice(9);
  Replay replay;
  std::set<StreamId> streams;
  std::size_t snapshots = 0;
  for (const EventRecord& record : past.records) {
    REQUIRE(replay.fold(record));
    streams.insert(record.envelope.stream);
    const bool edge = record.envelope.version % kSnapshotEvery <= 1 && record.envelope.version > 1;
    snapshots += edge ? 1 : 0;
    if (edge || dice.chance(1)) check_at(past, *interned, replay, streams);
  }
  check_at(past, *interned, replay, streams);
  REQUIRE(snapshots > 20);                     // the past was long enough to have some,
  REQUIRE(replay.fleet().parked.size() >= 2);  // and wild enough
  // Written by the way, over restarts in the middle of a chunk, byte for byte as a replay has them.
  for (const ProjectionInfo& projection : {kSnapshots, kTimes, kNames, kHistory}) {
    CAPTURE(projection.name);
    std::map<std::string, std::string> stored;
    REQUIRE(past.log->rows(projection.name, projection.version,
                           [&](std::string_view key, std::string_view value) {
                             stored.emplace(key, value);
                             return true;
                           }));
    CHECK_FALSE(stored.empty());
    CHECK((stored == replay.rows(projection.name)));
  }
}

TEST_CASE("a moment is found by its time, also where the clock was set back") {
  const StoredPast past(11, 9'000, 2);
  Dice dice(3);
  std::size_t ambiguous = 0;
  for (int i = 0; i < 200; ++i) {
    const auto& some = past.records[dice.below(past.records.size())].envelope;
    const std::int64_t time = some.time_ns + static_cast<std::int64_t>(dice.below(3)) - 1;
    const auto found = moment_of(*past.log, time, past.head());
    REQUIRE(found);
    CHECK((*found == slow_moment(past.records, time)));
    ambiguous += found->ambiguous() ? 1 : 0;
  }
  CHECK(ambiguous > 10);
  CHECK((moment_of(*past.log, 0, past.head()).value() == Moment{0, 0, 0}));
  CHECK((moment_of(*past.log, INT64_MAX, past.head()).value() == Moment{9'000, 9'000, 9'000}));
}

TEST_CASE(
    "a name finds all that ever had it, the newest first; an id's beginning finds the deleted, "
    "too") {
  const StoredPast past(5, 4'000, 1);
  std::vector<StreamId> expected;
  for (const EventRecord& record : past.records) {
    const auto* created = std::get_if<VmCreated>(&record.event);
    if (created && created->name == "vm-1")
      expected.insert(expected.begin(), record.envelope.stream);
  }
  REQUIRE(expected.size() > 1);
  const auto found = find_streams(*past.log, StreamKind::kVm, "vm-1");
  REQUIRE(found);
  std::vector<StreamId> streams;
  for (const HistoryRow& row : found->streams) streams.push_back(row.stream);
  CHECK((streams == expected));
  const auto by_id =
      find_streams(*past.log, StreamKind::kVm, to_hex(expected.back().id).substr(0, 8));
  REQUIRE(by_id);
  REQUIRE(by_id->streams.size() == 1);
  CHECK(by_id->streams[0].stream == expected.back());
  CHECK(find_streams(*past.log, StreamKind::kVm, "vm")->streams.empty());
  CHECK(find_streams(*past.log, StreamKind::kImage, "vm-1")->streams.empty());
  CHECK(find_streams(*past.log, StreamKind::kVm, "")->streams.empty());
}
