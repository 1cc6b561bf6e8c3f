// The fold: one event into the fleet. Total: an event that does not fit parks its stream instead of failing.
// The runtime, `events replay` and the rebuild of projections all call this and nothing else.
#pragma once

#include "engine/state.h"

namespace banger {

void evolve(Fleet& fleet, const EventRecord& record);

}  // namespace banger
