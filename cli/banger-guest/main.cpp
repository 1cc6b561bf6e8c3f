// banger-guest: started by bangerctl to move bytes between a user and a guest once the daemon has
// recorded and allowed it. Exit code: the command's; 124 timed out; 125 banger's own failure; 128 +
// n by signal.
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

#include "cli/banger-guest/exec_run.h"
#include "cli/banger-guest/terminal.h"

namespace {

// A reader that is gone changes nothing: the exit code tells the same.
void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace banger::guest;
  auto options = parse_options(argc, argv);
  Outcome outcome;
  if (!options) {
    outcome = failed(options.error().message);
  } else {
    int signals = open_signals();
    if (options->die_with_parent) ::prctl(PR_SET_PDEATHSIG, SIGHUP);
    outcome = signals < 0 ? failed("no descriptor for signals") : run_exec(*options, signals);
  }
  if (!outcome.message.empty() && !outcome.told) {
    write_all(STDERR_FILENO, "banger: " + outcome.message + "\n");
  }
  if (options && options->outcome_fd >= 0) write_all(options->outcome_fd, to_json_line(outcome));
  return outcome.code;
}
