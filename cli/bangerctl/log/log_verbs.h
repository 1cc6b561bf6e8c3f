// The verbs of this folder, by file; each is added once by the noun that it belongs to.
#pragma once

#include "cli/bangerctl/context.h"

namespace banger::ctl {

void add_export_verb(const Verbs& verbs, CLI::App& events);
void add_import_verb(const Verbs& verbs, CLI::App& events);
void add_bundle_replay_verb(const Verbs& verbs);
void add_projection_care_verbs(const Verbs& verbs, CLI::App& projection);
void add_log_verbs(const Verbs& verbs);
void add_archive_verbs(const Verbs& verbs, CLI::App& log);

}  // namespace banger::ctl
