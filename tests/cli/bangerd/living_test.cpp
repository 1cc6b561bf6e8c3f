// All that there was at some event, held against a replay up to there: at every event of a few pasts,
// and however the pages are cut.
#include "cli/bangerd/audit/living.h"

#include "engine/runtime/load_interned.h"
#include "tests/cli/bangerd/stored_past.h"

using namespace banger;
using namespace banger::bangerd;
using namespace banger::test;

namespace {

struct Lived {
  std::vector<std::string> rows;
  std::size_t folded = 0;
  std::size_t pages = 0;
};

Lived living(const StoredPast& past, const Interned& interned, StreamKind kind, Sequence at,
             const LivingLimits& limits) {
  Lived all;
  for (std::uint64_t after = 0;;) {
    const auto page = living_at(*past.log, interned, kind, at, after, limits);
    REQUIRE(page);
    all.rows.insert(all.rows.end(), page->rows.begin(), page->rows.end());
    all.folded += page->folded;
    ++all.pages;
    if (!page->more) return all;
    REQUIRE(page->last_id > after);  // or it would never end
    after = page->last_id;
  }
}

std::vector<std::string> replayed(const Fleet& fleet, StreamKind kind) {
  std::vector<std::string> rows;
  if (kind == StreamKind::kVm)
    for (const auto& [id, vm] : fleet.vms) rows.push_back(row_bytes(vm));
  else
    for (const auto& [id, image] : fleet.images) rows.push_back(row_bytes(image));
  return rows;
}

}  // namespace

TEST_CASE("all that there was is what a replay gives, at every event") {
  const auto seed = GENERATE(1U, 2U, 3U);
  const StoredPast past(seed, 1'200, 2);
  const auto interned = load_interned(*past.log);
  REQUIRE(interned);
  constexpr LivingLimits kOneByOne[] = {
      {.rows = 1}, {.bytes = 1}, {.events = 1}, {.looked = 1}, {.rows = 2, .bytes = 1}};
  Replay replay;
  std::size_t deleted = 0;
  for (const StreamKind kind : {StreamKind::kVm, StreamKind::kImage})
    CHECK(living(past, *interned, kind, 0, {}).rows.empty());
  for (const EventRecord& record : past.records) {
    REQUIRE(replay.fold(record));
    deleted += std::holds_alternative<VmDeleted>(record.event) ? 1 : 0;
    const Fleet& fleet = replay.fleet();
    CAPTURE(seed, fleet.last);
    for (const StreamKind kind : {StreamKind::kVm, StreamKind::kImage}) {
      const auto expected = replayed(fleet, kind);
      CHECK((living(past, *interned, kind, fleet.last, {}).rows == expected));
      const LivingLimits& limits = kOneByOne[fleet.last % std::size(kOneByOne)];
      CHECK((living(past, *interned, kind, fleet.last, limits).rows == expected));
    }
  }
  CHECK(deleted > 0);
}

TEST_CASE("what has not changed since costs no event, nor does what was gone or is still to come") {
  const StoredPast past(5, 9'000, 1);
  const auto interned = load_interned(*past.log);
  REQUIRE(interned);
  Replay replay;
  for (const EventRecord& record : past.records) REQUIRE(replay.fold(record));
  REQUIRE_FALSE(replay.fleet().parked.empty());
  const Lived now = living(past, *interned, StreamKind::kVm, past.head(), {});
  CHECK((now.rows == replayed(replay.fleet(), StreamKind::kVm)));
  CHECK(now.pages == 1);
  // Parked streams only: their rows are folded up to where they stopped.
  CHECK(now.folded <= replay.fleet().parked.size() * kSnapshotEvery);
  for (const Sequence at : {Sequence{1}, past.head() / 3, past.head() / 2}) {
    const Lived then = living(past, *interned, StreamKind::kVm, at, {});
    CHECK(then.folded <= then.rows.size() * kSnapshotEvery);
  }
}
