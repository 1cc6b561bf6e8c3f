#include "events/codec.h"

#include <capnp/message.h>

#include <algorithm>

#include "events/capnp_bytes.h"
#include "events/peek.h"
#include "schemas/event.capnp.h"
#include "tests/catch.h"
#include "tests/support/random.h"

namespace banger {
namespace {

using namespace test;

const Salt kSalt{1, 2, 3};

EventRecord record_of(Event event, Dice& dice) {
  return {{.sequence = dice.next(),
           .stream = {static_cast<StreamKind>(1 + dice.below(3)), dice.next()},
           .version = dice.next(),
           .command = {dice.next(), dice.next()},
           .correlation = {dice.next(), dice.next()},
           .causation = dice.next(),
           .actor = {1000, "ann", "bangerctl"},
           .time_ns = static_cast<std::int64_t>(dice.next()),
           .boot = {7, 8}},
          std::move(event)};
}

EventRecord random_record(std::size_t kind, Dice& dice) {
  return record_of(random_event(dice, kind), dice);
}

// An event as somebody else wrote it.
template <class Write>
std::string written(Write&& write) {
  capnp::MallocMessageBuilder message;
  auto out = message.initRoot<schema::Event>();
  out.setActor(1);
  out.setBoot(1);
  out.setStreamKind(2);
  out.setSchemaVersion(kSchemaVersion);
  out.initPayload().setVmDeleted();
  write(out);
  return canonical_bytes<schema::Event>(out);
}

Interned some_interned() {
  Interned interned;
  (void)interned.number_of(Actor{0, "root", "driver"});
  (void)interned.number_of(BootId{1, 1});
  return interned;
}

std::string error_of(std::string_view bytes) {
  auto decoded = decode(bytes, {}, some_interned());
  return decoded ? "" : decoded.error().message;
}

TEST_CASE("every kind comes back as it was written, and always as the same bytes") {
  Dice dice(1);
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    for (int i = 0; i < 100; ++i) {
      EventRecord record = random_record(kind, dice);
      Interned interned;
      EventBytes bytes = encode(record, interned, kSalt);
      auto decoded = decode(bytes.open, bytes.personal, interned);
      CAPTURE(name_of(record.event));
      REQUIRE(decoded);
      CHECK(*decoded == record);
      EventBytes again = encode(*decoded, interned, kSalt);
      CHECK(again.open == bytes.open);
      CHECK(again.personal == bytes.personal);
      CHECK(interned.take_new().size() == 2);  // one actor, one boot, whatever the event
    }
  }
}

TEST_CASE("what a person typed is in the personal part alone; erased, the rest is still there") {
  Dice dice(2);
  struct Row {
    Event whole;
    Event erased;
  };
  const Row rows[] = {
      {ExecStarted{ExecId{5}, 1, true, 9, {"echo", "sesame"}},
       ExecStarted{ExecId{5}, 1, true, 9, {}}},
      {ImageRequested{"x", ImageSource::kImport, "", "/sesame"},
       ImageRequested{"x", ImageSource::kImport, "", ""}},
  };
  for (const Row& row : rows) {
    Interned interned;
    EventRecord record = record_of(row.whole, dice);
    EventBytes bytes = encode(record, interned, kSalt);
    CHECK_FALSE(bytes.open.contains("sesame"));
    CHECK(bytes.personal.contains("sesame"));
    CHECK(bytes.personal != encode(record, interned, Salt{9}).personal);
    auto erased = decode(bytes.open, {}, interned);
    REQUIRE(erased);
    CHECK(erased->event == row.erased);
    CHECK(erased->envelope == record.envelope);
  }
}

TEST_CASE("no other kind has a personal part, and one that is put there is refused") {
  Dice dice(3);
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    EventRecord record = random_record(kind, dice);
    if (std::holds_alternative<ExecStarted>(record.event)) continue;
    if (std::holds_alternative<ImageRequested>(record.event)) continue;
    Interned interned;
    EventBytes bytes = encode(record, interned, kSalt);
    CHECK(bytes.personal.empty());
    auto foreign =
        encode(record_of(ExecStarted{ExecId{1}, 1, false, 0, {"x"}}, dice), interned, kSalt);
    CHECK_FALSE(decode(bytes.open, foreign.personal, interned));
  }
}

TEST_CASE("a newer schema version is refused, by its number") {
  std::string bytes =
      written([](schema::Event::Builder out) { out.setSchemaVersion(kSchemaVersion + 1); });
  CHECK(error_of(bytes) == "its schema version 3 is newer than this banger's 2");
}

TEST_CASE("a kind of a newer version is refused, with what to do") {
  std::string bytes = written([](schema::Event::Builder) {});
  // The union's tag is the one 16-bit word that tells these two apart.
  std::string other =
      written([](schema::Event::Builder out) { out.getPayload().setDaemonStopped(); });
  REQUIRE(bytes.size() == other.size());
  std::size_t at =
      static_cast<std::size_t>(std::ranges::mismatch(bytes, other).in1 - bytes.begin());
  bytes[at] = static_cast<char>(kEventKinds);
  CHECK_THAT(error_of(bytes), Catch::Matchers::Contains("written by a newer banger"));
}

TEST_CASE("numbers that mean nothing are not guessed at") {
  CHECK_THAT(error_of(written([](auto out) { out.setStreamKind(0); })),
             Catch::Matchers::Contains("kind of stream"));
  CHECK_THAT(error_of(written([](auto out) { out.setStreamKind(4); })),
             Catch::Matchers::Contains("kind of stream"));
  CHECK_THAT(error_of(written([](auto out) { out.setActor(2); })),
             Catch::Matchers::Contains("an actor or a boot"));
  CHECK_THAT(error_of(written([](auto out) { out.setBoot(0); })),
             Catch::Matchers::Contains("an actor or a boot"));
  CHECK_THAT(error_of(written([](auto out) { out.getPayload().initVmStopped().setBy(0); })),
             Catch::Matchers::Contains("the value 0 of who stopped it"));
  CHECK_THAT(error_of(written([](auto out) { out.getPayload().initVmStopRequested().setMode(3); })),
             Catch::Matchers::Contains("the value 3 of the stop mode"));
  CHECK_THAT(error_of(written([](auto out) { out.getPayload().initImageReady().initDigest(31); })),
             Catch::Matchers::Contains("32 bytes"));
  CHECK(error_of(written([](auto) {})).empty());
}

// Whatever the bytes, there is an answer; a decoded one can be written again.
void survive(std::string_view open, std::string_view personal, const Interned& interned,
             std::size_t& accepted) {
  auto decoded = decode(open, personal, interned);
  if (!decoded) {
    CHECK_FALSE(decoded.error().message.empty());
    return;
  }
  ++accepted;
  Interned again = interned;
  (void)encode(*decoded, again, kSalt);
}

TEST_CASE("every flipped bit and every cut is an error or an event, never a crash") {
  Dice dice(4);
  std::size_t accepted = 0;
  std::size_t tried = 0;
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    EventRecord record = random_record(kind, dice);
    Interned interned;
    EventBytes bytes = encode(record, interned, kSalt);
    for (std::string* part : {&bytes.open, &bytes.personal}) {
      for (std::size_t bit = 0; bit < part->size() * 8; ++bit, ++tried) {
        (*part)[bit / 8] = static_cast<char>((*part)[bit / 8] ^ (1 << bit % 8));
        survive(bytes.open, bytes.personal, interned, accepted);
        (*part)[bit / 8] = static_cast<char>((*part)[bit / 8] ^ (1 << bit % 8));
      }
    }
    for (std::size_t length = 0; length < bytes.open.size(); ++length, ++tried) {
      survive(std::string_view(bytes.open).substr(0, length), bytes.personal, interned, accepted);
    }
    for (std::size_t length = 0; length < bytes.personal.size(); ++length, ++tried) {
      survive(bytes.open, std::string_view(bytes.personal).substr(0, length), interned, accepted);
    }
  }
  // Checksums are the frame's business: here a flipped bit in a number is another number.
  CHECK(accepted > 0);
  CHECK(accepted < tried);
}

TEST_CASE("a peek at an event of any kind sees its envelope and its kind") {
  Dice dice(8);
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    Interned interned = some_interned();
    const EventRecord record = random_record(kind, dice);
    const auto seen = peek(encode(record, interned, kSalt).open);
    REQUIRE(seen);
    const Envelope& envelope = record.envelope;
    CHECK((*seen == Peeked{envelope.sequence, envelope.stream, envelope.version, envelope.command,
                           envelope.correlation, envelope.causation, envelope.time_ns,
                           interned.number_of(envelope.actor), interned.number_of(envelope.boot),
                           kind_of(record.event), false}));
  }
  CHECK_FALSE(peek("seven b"));
}

TEST_CASE("random bytes, and more than a message may have, are refused") {
  Dice dice(5);
  std::size_t accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(8 * dice.below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(dice.next());
    survive(bytes, {}, some_interned(), accepted);
  }
  CHECK(accepted == 0);
  CHECK(error_of(std::string((1 << 20) + 8, '\0')) == "a message of more than 1 MiB");
  CHECK(error_of("seven b") == "a message that is no whole number of words");
}

}  // namespace
}  // namespace banger
