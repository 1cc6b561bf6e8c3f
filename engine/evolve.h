// The fold: one event into the fleet. Total: an event that does not fit parks its stream instead of failing.
// The runtime, `events replay` and the rebuild of projections all call this and nothing else.
#pragma once

#include "engine/state.h"

namespace banger {

void evolve(Fleet& fleet, const EventRecord& record);

// An event that cannot even be decoded: it parks its stream there, as one that does not fit does. A stream that
// is parked already stays where it is.
void park(Fleet& fleet, StreamId stream, Sequence sequence, std::string reason);

}  // namespace banger
