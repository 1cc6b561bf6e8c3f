// A stored event, of any version and with its personal part or without. One that decodes is the same when it is
// encoded again, looks the same to peek(), and can be folded.
#include "engine/evolve.h"
#include "events/peek.h"
#include "events/stored_record.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

Interned some_interned() {
  Interned interned;
  (void)interned.number_of(Actor{1000, "ann", "bangerctl"});
  (void)interned.number_of(BootId{7, 8});
  return interned;
}

void check_record(const EventRecord& record, std::string_view open) {
  Interned interned = some_interned();
  const EventBytes again = encode(record, interned, Salt{});
  const auto decoded = decode(again.open, again.personal, interned);
  BANGER_ASSERT(decoded && *decoded == record);
  const auto peeked = peek(open);
  BANGER_ASSERT(peeked && !peeked->newer && peeked->kind == kind_of(record.event));
  BANGER_ASSERT(peeked->sequence == record.envelope.sequence && peeked->stream == record.envelope.stream);
  Fleet fleet;
  fleet.last = record.envelope.sequence - 1;
  evolve(fleet, record);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  log::Reader input(bytes);
  const std::string_view open = take_part(input);
  const Interned interned = some_interned();
  (void)peek(open);
  (void)read_stored(1, open, input.rest(), interned);
  if (const auto record = decode(open, input.rest(), interned)) check_record(*record, open);
}

}  // namespace banger::fuzz
