// A command or a shell in a guest: the daemon records and allows it, banger-guest moves the bytes,
// and what became of it is reported back. Not one byte of ours goes to stdout, and the daemon may
// die and come back meanwhile without the command noticing.
#pragma once

#include <string>
#include <vector>

#include "cli/bangerctl/session.h"

namespace banger::ctl {

struct GuestCommand {
  std::string vm;
  std::vector<std::string> argv;  // empty: a login shell
  bool tty = false;
  bool interactive = false;  // stdin is passed on
  std::uint64_t timeout_ms = 0;
  std::vector<std::string> env;  // K=V
  std::string cwd;
};

// The exit code for bangerctl: the command's, or 124, 125, 128+n.
[[nodiscard]] Answer<int> run_in_guest(Session& session, const GuestCommand& command);

// A Failure of exec and run: it must not look like the command's own exit code.
[[nodiscard]] Failure as_own(Failure failure);

// Adds -i, -t, --timeout, --env, --cwd to a verb.
struct GuestOptions {
  bool interactive = false;
  bool tty = false;
  bool no_stdin = false;
  std::string timeout;
  std::vector<std::string> env;
  std::string cwd;
};
[[nodiscard]] Answer<GuestCommand> to_command(const GuestOptions& options, std::string vm,
                                              std::vector<std::string> argv);

}  // namespace banger::ctl
