// spawn(): starts a program in a session of its own, with nothing of ours but the descriptors that
// it is given. Used for VMMs, which must live on when the daemon dies, and by Process (process.h)
// for short-lived tools. It blocks until the exec has happened or failed (some 0.2 ms); any thread.
//
// It is posix_spawn: CLONE_VM makes it independent of how large the daemon is (uv_spawn, which
// forks, costs 34 ms at 1.5 GB resident), and the child reports a failed exec through shared
// memory, before spawn() returns. There is no parent-death signal, limits stay as they are.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/uv/fd.h"
#include "events/result.h"

namespace banger::uv {

struct SpawnSpec {
  std::vector<std::string> argv = {};  // argv[0] is looked up in PATH unless it has a '/'
  std::optional<std::vector<std::string>> env = {};  // "NAME=value"; unset: ours
  std::string cwd = {};                              // empty: ours
  // Borrowed; -1 is /dev/null. A VMM's output goes to its log file, never to a pipe that would
  // break when we die.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
};

struct Spawned {
  pid_t pid = -1;                 // also its process group and session
  Fd pidfd;                       // CLOEXEC
  uint64_t start_time_ticks = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
};

// How a process ended: exactly one of the two is meaningful.
struct ExitStatus {
  int code = 0;
  int signal = 0;  // 0: it exited by itself
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

// It is our child while we live: a ProcessWatch or Process on its pidfd must reap it.
[[nodiscard]] Result<Spawned> spawn(const SpawnSpec& spec);

// Reaps the child behind `pidfd` if it has ended. Empty: still running. ECHILD: not our child.
[[nodiscard]] Result<std::optional<ExitStatus>> reap(int pidfd);

// A CLOEXEC pidfd of any process; and a signal through one, which can't hit a successor of its pid.
// By system call: glibc 2.36's <sys/pidfd.h> can't be linked from C++. ESRCH: it has ended.
[[nodiscard]] Result<Fd> open_pidfd(pid_t pid);
[[nodiscard]] Status send_signal(int pidfd, int signal);

}  // namespace banger::uv
