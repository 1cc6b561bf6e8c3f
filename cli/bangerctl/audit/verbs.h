// The verbs that ask about the past, by file: called once each by those who make `vm` and `events`.
#pragma once

#include "cli/bangerctl/context.h"

namespace banger::ctl {

void add_history_verb(const Verbs& verbs, CLI::App& vm);
void add_list_verb(const Verbs& verbs, CLI::App& events);
void add_why_verb(const Verbs& verbs, CLI::App& events);
void add_diff_verb(const Verbs& verbs, CLI::App& events);

}  // namespace banger::ctl
