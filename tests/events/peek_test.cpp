// What can be told without decoding is what decoding tells; and what is newer is known as such.
#include "events/peek.h"

#include "events/codec.h"
#include "tests/catch.h"
#include "tests/support/random.h"

namespace banger {
namespace {

TEST_CASE("every kind's place, kind and interned numbers are seen without decoding it") {
  test::Dice dice(5);
  for (std::size_t kind = 0; kind < test::kEventKinds; ++kind) {
    EventRecord record{{.sequence = dice.next(),
                        .stream = {StreamKind::kImage, dice.next()},
                        .version = dice.next(),
                        .command = {dice.next(), dice.next()},
                        .actor = {1000, "ann", "test"},
                        .time_ns = 17,
                        .boot = {3, 4}},
                       test::random_event(dice, kind)};
    Interned interned;
    const auto peeked = peek(encode(record, interned, Salt{}).open);
    REQUIRE(peeked);
    CAPTURE(name_of(record.event));
    CHECK(peeked->kind == kind_of(record.event));
    CHECK(peeked->sequence == record.envelope.sequence);
    CHECK(peeked->stream == record.envelope.stream);
    CHECK(peeked->version == record.envelope.version);
    CHECK(peeked->command == record.envelope.command);
    CHECK(peeked->time_ns == 17);
    CHECK(peeked->actor == 1);
    CHECK(peeked->boot == 1);
    CHECK_FALSE(peeked->newer);
  }
}

TEST_CASE("a newer version is told from broken bytes") {
  EventRecord record{{.sequence = 1, .stream = kHostStream, .version = 1, .boot = {3, 4}}, DaemonStopped{}};
  record.envelope.schema_version = kSchemaVersion + 1;
  Interned interned;
  const auto newer = peek(encode(record, interned, Salt{}).open);
  REQUIRE(newer);
  CHECK(newer->newer);
  CHECK_FALSE(peek("no event"));
  CHECK_FALSE(peek(std::string(64, '\0')));  // no stream has this kind
}

}  // namespace
}  // namespace banger
