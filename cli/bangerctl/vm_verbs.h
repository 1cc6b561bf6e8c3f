// The verbs of `vm`, by file. Called once, by add_vm_verbs.
#pragma once

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/exec.h"

namespace banger::ctl {

void add_create_verbs(const Verbs& verbs, CLI::App& vm);     // create, run, set
void add_lifecycle_verbs(const Verbs& verbs, CLI::App& vm);  // start, stop, restart, kill, rm, wait
void add_look_verbs(const Verbs& verbs, CLI::App& vm);       // ls, show
void add_logs_verb(const Verbs& verbs, CLI::App& vm);
void add_exec_verbs(const Verbs& verbs, CLI::App& vm);  // exec, ssh

void add_guest_options(CLI::App* verb, GuestOptions& options);

}  // namespace banger::ctl
