#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/vm_verbs.h"

namespace banger::ctl {

void add_vm_verbs(const Verbs& verbs) {
  CLI::App* vm = add_verb(verbs.app, "vm", "Virtual machines");
  vm->require_subcommand(1);
  add_create_verbs(verbs, *vm);
  add_lifecycle_verbs(verbs, *vm);
  add_look_verbs(verbs, *vm);
  add_history_verb(verbs, *vm);
  add_logs_verb(verbs, *vm);
  add_exec_verbs(verbs, *vm);
}

}  // namespace banger::ctl
