// The verbs of `events`, by file. Called once, by add_event_verbs.
#pragma once

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/render_event.h"

namespace banger::ctl {

void add_follow_verb(const Verbs& verbs, CLI::App& events);
void add_replay_verb(const Verbs& verbs, CLI::App& events);
void add_verify_verb(const Verbs& verbs, CLI::App& events);

// One event as a line of a table with fixed columns: rows come as they happen, so no width is known
// beforehand. The header is the first line.
[[nodiscard]] std::string event_header();
[[nodiscard]] std::string event_line(const EventRecord& record, std::string_view name,
                                     bool erased = false);
// In the place of events that cannot be read. `cursor`: where a follower goes on.
[[nodiscard]] std::string gap_text(bool json, Sequence from, Sequence to, const std::string& cursor = {});

}  // namespace banger::ctl
