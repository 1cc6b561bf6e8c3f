// What is known about every event besides its payload: where it stands, who caused it, and when.
#pragma once

#include <cstdint>
#include <string>

#include "events/event.h"

namespace banger {

// The version of the payload's meaning that this build writes. A log with a higher one is refused; one with a
// lower one is read through events/upcast.
inline constexpr std::uint16_t kSchemaVersion = 2;

// Who asked. Interned in the log: the stored event has a number for it.
struct Actor {
  std::uint32_t uid = 0;
  std::string user;    // as the host knew the uid at that time
  std::string client;  // "bangerctl", or the daemon's part that acted: "reconciler", "driver"

  friend auto operator<=>(const Actor&, const Actor&) = default;
};

struct Envelope {
  Sequence sequence = 0;
  StreamId stream;
  StreamVersion version = 0;
  CommandId command;      // the command that decided this event
  CommandId correlation;  // the user's command at the root of it all
  Sequence causation = 0; // the event that led to this one; 0 where a person's request did
  Actor actor;
  std::int64_t time_ns = 0;  // wall clock, UTC, since 1970
  BootId boot;
  std::uint16_t schema_version = kSchemaVersion;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

struct EventRecord {
  Envelope envelope;
  Event event;

  friend bool operator==(const EventRecord&, const EventRecord&) = default;
};

}  // namespace banger
