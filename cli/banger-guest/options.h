// The command line of banger-guest. It is written by bangerctl, not by people: strict, no
// abbreviations, nothing read from the environment or from files, and a key only through an open
// descriptor or a path.
#pragma once

#include <string>
#include <vector>

#include "drivers/guest/exec_wrapper.h"
#include "drivers/guest/ssh_session.h"

namespace banger::guest {

struct Options {
  enum class Verb { exec, shell };
  Verb verb = Verb::exec;
  SshTarget target;
  ExecRequest exec;
  bool interactive = false;      // stdin is passed on; else it is closed at once
  bool die_with_parent = false;  // SIGHUP when bangerctl ends
  int connect_timeout_s = 10;
  int outcome_fd = -1;
};

// An error is one line for the user, without the "banger:" in front.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

}  // namespace banger::guest
