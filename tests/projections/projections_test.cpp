#include <algorithm>

#include "projections/replay.h"
#include "projections/past.h"
#include "tests/engine/random_history.h"

namespace banger {
namespace {

using namespace test;

using Rows = std::map<std::string, std::string>;

// What a store holds after every event's rows were written in its batch, as the runtime does.
struct Store {
  Fleet fleet;
  std::map<std::string, Rows, std::less<>> rows;
  std::map<StreamId, HistoryRow> history;
  PastFold past;

  void take(const EventRecord& record) {
    StreamId stream = record.envelope.stream;
    evolve(fleet, record);
    for (Row& row : rows_of(fleet, stream)) {
      Rows& projection = rows[std::string(row.projection)];
      if (row.value.empty())
        projection.erase(row.key);
      else
        projection[row.key] = std::move(row.value);
    }
    if (changes_history(record)) {
      fold_history(history[stream], record);
      rows[std::string(kHistory.name)][row_key(stream)] = row_bytes(history[stream]);
    }
    for (Row& row : past.fold(fleet, record)) {
      rows[std::string(row.projection)][row.key] = std::move(row.value);
    }
  }
};

void check_same(const World& world) {
  Store store;
  Replay replay;
  for (const EventRecord& record : world.log) {
    store.take(record);
    REQUIRE(replay.fold(record));
  }
  for (const ProjectionInfo& projection : kProjections) {
    CAPTURE(projection.name);
    CHECK((store.rows[std::string(projection.name)] == replay.rows(projection.name)));
  }
  // What a restart loads is what it had.
  Fleet loaded;
  for (const auto& [name, rows] : store.rows) {
    const auto* known = std::ranges::find(kProjections, name, &ProjectionInfo::name);
    if (!known->of_fleet) continue;
    for (const auto& [key, bytes] : rows) REQUIRE(load_row(loaded, name, bytes));
  }
  rebuild_indexes(loaded);
  CHECK((loaded.vms == world.fleet.vms));
  CHECK((loaded.images == world.fleet.images));
  CHECK((loaded.host == world.fleet.host));
  CHECK((loaded.parked == world.fleet.parked));
  CHECK((loaded.vm_names == world.fleet.vm_names));
  CHECK((loaded.image_names == world.fleet.image_names));
  CHECK((loaded.host_ports == world.fleet.host_ports));
}

TEST_CASE("rows written event by event are, byte for byte, what a replay from zero gives") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    check_same(random_history(seed, 150));
  }
}

TEST_CASE("so they are where streams are parked") {
  for (VmState state : kStates) {
    World world = web_in(state);
    world.given(VmCreated{"web", kTiny, "tiny", settings(), 0, false});
    world.given(VmDeleteRequested{true});
    world.given(stream_of(VmId{5}), VmReady{1, 1});
    world.given(kHostStream, VmDeleted{});
    world.given(stream_of(kTiny), ImageReady{});
    REQUIRE(world.fleet.parked.size() == 4);
    check_same(world);
  }
}

TEST_CASE("a VM's row keeps every field") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Dice dice(seed);
    VmRuntime vm;
    // changed_at and created_at are signed; the rest is filled by type.
    for_each_field(vm, [&](const char*, auto& member) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, std::int64_t>) {
        member = static_cast<std::int64_t>(dice.next());
      } else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, CommandId>) {
        member = {dice.next(), dice.next()};
      } else {
        fill(dice, member);
      }
    });
    auto parsed = parse_vm_row(row_bytes(vm));
    REQUIRE(parsed);
    CHECK((*parsed == vm));
    CHECK(row_bytes(*parsed) == row_bytes(vm));
  }
}

TEST_CASE("an image's row keeps every field") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Dice dice(seed);
    Image image;
    for_each_field(image, [&](const char*, auto& member) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, std::int64_t>) {
        member = static_cast<std::int64_t>(dice.next());
      } else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(member)>, CommandId>) {
        member = {dice.next(), dice.next()};
      } else {
        fill(dice, member);
      }
    });
    auto parsed = parse_image_row(row_bytes(image));
    REQUIRE(parsed);
    CHECK((*parsed == image));
  }
}

TEST_CASE("the other rows come back, too") {
  HostState host{{1, 2}, "6.1", "0.1", 7, 8, 2, {"vm-a", "vm-b", ""}};
  CHECK((parse_host_row(row_bytes(host)).value() == host));
  HistoryRow history{stream_of(kWeb), "web", 1, 9, -3, 4};
  CHECK((parse_history_row(row_bytes(history)).value() == history));
  TimesRow times{4097, 8192, -5, 9};
  CHECK((parse_times_row(row_bytes(times)).value() == times));
  NameRow name{stream_of(kTiny), "tiny", 2};
  CHECK((parse_name_row(row_bytes(name)).value() == name));
  Parked parked{7, "why"};
  CHECK(
      (parse_parked_row(row_bytes(kHostStream, parked)).value() == std::pair{kHostStream, parked}));
}

TEST_CASE("no flipped bit and no cut of a row crashes the loading") {
  std::string bytes = row_bytes(web_in(VmState::kRunning).web());
  std::size_t refused = 0;
  auto load = [&](std::string_view damaged) {
    for (const ProjectionInfo& projection : kProjections) {
      Fleet fleet;
      if (!load_row(fleet, projection.name, damaged)) ++refused;
    }
  };
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    load(damaged);
  }
  for (std::size_t length = 0; length < bytes.size(); ++length)
    load(std::string_view(bytes).substr(0, length));
  CHECK(refused > 0);
}

TEST_CASE("keys sort by kind of stream, then by id") {
  CHECK(row_key(kHostStream) < row_key(stream_of(VmId{0})));
  CHECK(row_key(stream_of(VmId{255})) < row_key(stream_of(VmId{256})));
  CHECK(row_key(stream_of(VmId{~0ull})) < row_key(stream_of(ImageId{1})));
  CHECK(row_key(kHostStream).size() == 10);
  const StreamId web = stream_of(kWeb);
  CHECK(snapshot_key(web, 256) < snapshot_key(web, 65'536));
  CHECK(snapshot_key(web, 256).starts_with(row_key(web)));
  CHECK(times_key(4096) < times_key(1 << 20));
  // The newest first; no name's rows stand among those of a longer one.
  CHECK(name_key(StreamKind::kVm, "web", 9) < name_key(StreamKind::kVm, "web", 8));
  CHECK_FALSE(name_key(StreamKind::kVm, "web2", 9).starts_with(name_prefix(StreamKind::kVm, "web")));
}

TEST_CASE("what was deleted is still found by its name, with where its events are") {
  World world = web_in(VmState::kStopped);
  world.doing(DeleteVm{"web"});
  world.doing(ReportTornDown{kWeb, world.web().fence});
  Replay replay;
  for (const EventRecord& record : world.log) REQUIRE(replay.fold(record));
  CHECK(replay.rows(kVmRuntime.name).empty());
  auto rows = replay.rows(kHistory.name);
  auto row = parse_history_row(rows.at(row_key(stream_of(kWeb))));
  REQUIRE(row);
  CHECK(row->name == "web");
  CHECK(row->first_sequence == 4);
  CHECK(row->last_sequence == world.fleet.last);
  CHECK(row->deleted_at_ns == world.now_ns);
  CHECK(parse_history_row(rows.at(row_key(kHostStream)))->name == "host");
  CHECK(parse_history_row(rows.at(row_key(stream_of(kTiny))))->deleted_at_ns == 0);
}

TEST_CASE("a replay takes events in order, without gaps") {
  World world = web_in(VmState::kRunning);
  Replay replay;
  CHECK_FALSE(replay.fold(world.log[1]));
  REQUIRE(replay.fold(world.log[0]));
  CHECK_FALSE(replay.fold(world.log[0]));
  CHECK_FALSE(replay.fold(world.log[2]));
  CHECK(replay.fold(world.log[1]));
}

}  // namespace
}  // namespace banger
