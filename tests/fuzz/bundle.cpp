// A bundle, as whoever imports or replays one takes it: record by record, each event decoded, folded, and planned for.
#include "events/bundle/reader.h"

#include <sstream>

#include "engine/evolve.h"
#include "engine/simulate/simulated_host.h"
#include "events/stored_record.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

struct Player {
  Interned interned;
  Fleet fleet;
  SimulatedHost host;
  std::uint64_t events = 0;

  Status take(const bundle::Item& item) {
    if (const auto* entry = std::get_if<InternedEntry>(&item)) return interned.load(*entry);
    if (const auto* event = std::get_if<bundle::Event>(&item)) return play(event->frame);
    return {};
  }

  Status play(const log::Frame& frame) {
    ++events;
    const auto stored = read_stored(frame.sequence, frame.public_bytes, frame.personal_bytes(), interned);
    if (!stored) return std::unexpected(stored.error());
    if (const auto* record = std::get_if<EventRecord>(&*stored)) {
      evolve(fleet, *record);
      host.apply(fleet, *record);
      (void)host.plan(fleet);
    } else if (const auto& unreadable = std::get<UnreadableEvent>(*stored); unreadable.stream) {
      park(fleet, *unreadable.stream, unreadable.sequence, unreadable.why);
    }
    return {};
  }
};

}  // namespace

void fuzz_one(std::string_view bytes) {
  std::istringstream in{std::string(bytes)};
  Player player;
  const auto summary = bundle::read_bundle(in, [&](const bundle::Item& item) { return player.take(item); });
  if (!summary) return;
  BANGER_ASSERT(summary->events == player.events);
  BANGER_ASSERT(summary->first <= summary->last && summary->last <= summary->head.head);
}

}  // namespace banger::fuzz
