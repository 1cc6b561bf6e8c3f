// Events of older schema versions in today's words. Called by decode on what it has read; nothing else ever sees
// an old meaning. Each step leads from one version to the next, stays for ever, and loses nothing: what a field
// cannot be told from is its "unknown". docs/EVENT_LOG.md says how to add one.
#pragma once

#include "events/event.h"

namespace banger {

// VmDied says how the VMM ended in `cause` and `code`, and not only in its reason's words.
inline constexpr std::uint16_t kCauseOfDeathSince = 2;

// `version`: that of the stored event. An event of today's version is left as it is.
void upcast(Event& event, std::uint16_t version);

}  // namespace banger
