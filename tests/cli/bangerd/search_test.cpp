// Searching the log, held against looking at every event.
#include "cli/bangerd/audit/search.h"

#include "engine/runtime/load_interned.h"
#include "events/codec.h"
#include "tests/cli/bangerd/stored_past.h"

using namespace banger;
using namespace banger::bangerd;
using namespace banger::test;

namespace {

std::vector<Sequence> searched(const StoredPast& past, const Interned& interned,
                               const rpc::EventQuery& query) {
  std::vector<Sequence> found;
  const ActorSet actors = actors_like(interned, query.actor);
  for (Sequence cursor = 0;;) {
    const auto page = search(*past.log, query, actors, cursor, past.head());
    REQUIRE(page);
    for (const rpc::StoredEventBytes& event : page->batch.events) {
      const auto record = decode(event.open, event.personal, interned);
      REQUIRE(record);
      found.push_back(record->envelope.sequence);
    }
    CHECK((query.limit == 0 || page->batch.events.size() <= query.limit));
    if (page->done) return found;
    REQUIRE(page->next != cursor);
    cursor = page->next;
  }
}

std::vector<Sequence> looked_through(const StoredPast& past, const rpc::EventQuery& query) {
  std::vector<Sequence> found;
  for (const EventRecord& record : past.records) {
    const Envelope& envelope = record.envelope;
    const bool kind =
        query.kinds.empty() || std::ranges::count(query.kinds, kind_of(record.event)) != 0;
    const bool actor =
        query.actor.empty() || envelope.actor.user == query.actor ||
        envelope.actor.client.starts_with(query.actor) ||
        query.actor == envelope.actor.user + "/" + envelope.actor.client.substr(0, 9);
    if (kind && actor && (!query.stream || envelope.stream == *query.stream) &&
        (!query.correlation || envelope.correlation == query.correlation) &&
        envelope.sequence >= query.first && (query.last == 0 || envelope.sequence <= query.last) &&
        (query.since_ns == 0 || envelope.time_ns >= query.since_ns) &&
        (query.until_ns == 0 || envelope.time_ns <= query.until_ns)) {
      found.push_back(envelope.sequence);
    }
  }
  if (query.reverse) std::ranges::reverse(found);
  return found;
}

rpc::EventQuery random_query(const StoredPast& past, Dice& dice) {
  rpc::EventQuery query;
  const auto some = [&]() -> const EventRecord& {
    return past.records[dice.below(past.records.size())];
  };
  if (dice.chance(40)) query.stream = some().envelope.stream;
  for (std::uint64_t kinds = dice.chance(40) ? dice.below(4) : 0; kinds > 0; --kinds) {
    query.kinds.push_back(kind_of(some().event));
  }
  const char* actors[] = {"ann", "bob", "bangerctl", "reconciler", "ann/bangerctl", "nobody"};
  if (dice.chance(25)) query.actor = actors[dice.below(6)];
  if (dice.chance(15)) query.correlation = some().envelope.correlation;
  if (dice.chance(30)) query.first = some().envelope.sequence;
  if (dice.chance(30)) query.last = some().envelope.sequence;
  if (dice.chance(30)) query.since_ns = some().envelope.time_ns;
  if (dice.chance(30)) query.until_ns = some().envelope.time_ns;
  query.reverse = dice.chance(50);
  if (dice.chance(50)) query.limit = static_cast<std::uint32_t>(1 + dice.below(300));
  return query;
}

}  // namespace

TEST_CASE("a search finds what looking at every event finds, in order, page by page") {
  const StoredPast past(21, 9'000, 1);
  const auto interned = load_interned(*past.log);
  REQUIRE(interned);
  Dice dice(4);
  std::size_t found = 0;
  for (int i = 0; i < 150; ++i) {
    const rpc::EventQuery query = random_query(past, dice);
    CAPTURE(i, query.kinds, query.actor, query.first, query.last, query.since_ns, query.until_ns,
            query.reverse, query.limit, query.stream.has_value());
    const auto expected = looked_through(past, query);
    CHECK((searched(past, *interned, query) == expected));
    found += expected.size();
  }
  CHECK(found > 10'000);
}

TEST_CASE("a page costs a bounded number of looks, found or not") {
  const StoredPast past(2, 600, 1);
  rpc::EventQuery query;
  query.actor = "nobody";
  const auto page = search(*past.log, query, ActorSet(std::in_place), 0, past.head());
  REQUIRE(page);
  CHECK(page->batch.events.empty());
  CHECK(page->looked == 600);
  CHECK(page->done);
  query = {};
  query.kinds = {VmCreated::kKind};
  const auto created = search(*past.log, query, std::nullopt, 0, past.head());
  REQUIRE(created);
  CHECK(created->looked < 100);  // by the index, not by looking at all
  CHECK(created->done);
}
