// The fixed scripts that run in the guest for an exec: one around the command, one that asks what
// became of it after a lost connection, one that passes a signal on. Plain POSIX sh plus `setsid`
// (util-linux or busybox), so that the guest needs nothing installed. The wrapper's parameters are
// quoted words of its command line, because stdin belongs to the command. What it keeps in the
// guest, per exec: <state_dir>/<id>.{claim,pid,note,late,signal,status}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "events/result.h"

namespace banger::guest {

inline constexpr std::string_view kExecStateDir = "/run/banger/exec";
inline constexpr int kTimedOutCode = 124;  // as timeout(1)
inline constexpr int kFailedCode = 125;    // banger's own failure, as timeout(1) and docker exec
// dropbear takes at most 9000 bytes of command; a longer one is uploaded first and run from there.
inline constexpr size_t kMaxCommandLine = 8192;

struct ExecRequest {
  std::string id;                 // 16 hex digits, never used twice
  std::vector<std::string> argv;  // at least one
  std::vector<std::string> env;   // K=V
  std::string cwd;                // empty: the login directory
  std::string run_as;             // empty: the user who logged in
  uint32_t timeout_s = 0;         // 0: none. SIGTERM, and SIGKILL after grace_s
  uint32_t grace_s = 5;
  bool tty = false;
  std::string state_dir{kExecStateDir};
  std::string shell = "/bin/sh";
};

// What the guest has kept of an exec.
struct ExecStatus {
  enum class Kind {
    absent,  // never started
    running,
    exited,
    signalled,  // code is 128 + the signal
    timed_out,
    failed,  // the wrapper's own failure, before the command; see message
    gone,    // the wrapper is gone and left no status: the guest rebooted, or somebody killed it
  };
  Kind kind = Kind::absent;
  int code = 0;
  std::string message;
};

// The command line for ssh. An error is a word that no argv can hold, or a bad id or variable name.
[[nodiscard]] Result<std::string> exec_command(const ExecRequest& request);
// Asks what became of it; parse_status reads the answer.
[[nodiscard]] Result<std::string> status_command(const ExecRequest& request);
[[nodiscard]] Result<ExecStatus> parse_status(std::string_view output);
// Sends `signal` ("TERM") to the command's process group, or, with a terminal, to the command.
[[nodiscard]] Result<std::string> signal_command(const ExecRequest& request,
                                                 std::string_view signal);
// Where exec_command's line goes if it is longer than kMaxCommandLine, and the line that then runs
// it.
[[nodiscard]] Result<std::string> stage_command(const ExecRequest& request);
[[nodiscard]] Result<std::string> staged_command(const ExecRequest& request);

}  // namespace banger::guest
