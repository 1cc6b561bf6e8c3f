// An event as the log stored it: read, or known to be unreadable together with what can still be told of it, or of a
// newer banger, which nobody may take for damage.
#include "events/stored_record.h"

#include "events/codec.h"
#include "tests/catch.h"

namespace banger {
namespace {

struct Stored {
  EventRecord record{{.sequence = 5, .stream = {StreamKind::kVm, 7}, .version = 2, .actor = {0, "root", "test"}, .boot = {3, 4}},
                     VmReady{1, 5}};
  Interned interned;
  std::string open = encode(record, interned, Salt{}).open;
};

TEST_CASE("an event is read in its own place, and in another's it is unreadable and of no stream") {
  Stored stored;
  const auto read = read_stored(5, stored.open, {}, stored.interned);
  REQUIRE(read);
  CHECK(std::get<EventRecord>(*read).event == stored.record.event);

  const auto elsewhere = read_stored(6, stored.open, {}, stored.interned);
  REQUIRE(elsewhere);
  const auto& lies = std::get<UnreadableEvent>(*elsewhere);
  CHECK(lies.why == "it says that it is event 5");
  CHECK_FALSE(lies.stream);  // whose place it has is not said by what lies
}

TEST_CASE("an event that cannot be decoded still tells its stream, bytes that are none tell nothing") {
  const Stored stored;
  const auto nameless = read_stored(5, stored.open, {}, Interned());
  REQUIRE(nameless);
  CHECK(std::get<UnreadableEvent>(*nameless).stream == stored.record.envelope.stream);
  const auto misplaced = read_stored(6, stored.open, {}, Interned());
  REQUIRE(misplaced);
  CHECK_FALSE(std::get<UnreadableEvent>(*misplaced).stream);
  const auto noise = read_stored(5, "no event", {}, stored.interned);
  REQUIRE(noise);
  CHECK_FALSE(std::get<UnreadableEvent>(*noise).stream);
}

TEST_CASE("an event of a newer banger is an error, and no damage") {
  Stored stored;
  stored.record.envelope.schema_version = kSchemaVersion + 1;
  stored.open = encode(stored.record, stored.interned, Salt{}).open;
  const auto newer = read_stored(5, stored.open, {}, stored.interned);
  REQUIRE_FALSE(newer);
  CHECK_THAT(newer.error().message, Catch::Contains("event 5: "));
}

}  // namespace
}  // namespace banger
