// Starts the other programs of banger. A child gets its arguments, the three standard descriptors
// and what is passed on purpose; no other descriptor, no blocked or ignored signal of ours reaches
// it.
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "events/result.h"

namespace banger::ctl {

struct Spawn {
  std::string program;            // a path
  std::vector<std::string> args;  // without the program's name
  std::vector<int> pass = {};     // appear in the child as 3, 4, ... in this order
  bool detached = false;          // a session of its own, stdin from nowhere
  std::string log = {};           // of a detached child: takes its stdout and stderr; made 0600
};
inline constexpr int kFirstPassed = 3;

[[nodiscard]] Result<pid_t> spawn(const Spawn& what);
// Readable once the process has ended (pidfd_open(2)).
[[nodiscard]] Result<kj::AutoCloseFd> open_pidfd(pid_t pid);

// A program of banger: beside this one, else in PATH.
[[nodiscard]] Result<std::string> find_program(std::string_view name);

}  // namespace banger::ctl
