// An event for a person (what happened, in a few words) and for a program (one JSON object).
#pragma once

#include "cli/bangerctl/render_json.h"
#include "events/envelope.h"

namespace banger::ctl {

// `name` of its stream, where that is known; `erased`: its personal part was cut out of the log.
[[nodiscard]] Json event_json(const EventRecord& record, std::string_view name, bool erased = false);
// The DETAILS column: "incarnation=1 after_ms=5120". Not escaped yet.
[[nodiscard]] std::string event_details(const Event& event, bool erased = false);
[[nodiscard]] std::string stream_label(StreamId stream, std::string_view name);  // "vm/web"
[[nodiscard]] std::string actor_label(const Actor& actor);  // "alice/bangerctl"

}  // namespace banger::ctl
