// Runs one child process from beginning to end, blocking: for the steps of a driver that sit on a
// worker thread (a recipe, qemu-img, a trial boot). Never on the loop's thread, and never for a
// VMM, which outlives us. The child leads a session of its own, and its whole process group is
// killed when the call ends, whatever the reason. Its stdin is a pipe that only ends when we do: a
// child that must not outlive the daemon can wait on it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "events/result.h"

namespace banger::host {

struct ChildSpec {
  std::vector<std::string> argv;         // argv[0] is looked up in PATH
  std::vector<std::string> environment;  // "NAME=value", in place of ours of that name
  std::string directory;                 // empty: ours
  std::chrono::milliseconds deadline{60'000};
  const std::atomic<bool>* cancelled = nullptr;  // looked at about ten times a second
};

// Every bound of this call: a longer line arrives in pieces, longer output keeps its end.
inline constexpr std::size_t kMaxLineBytes = 4096;
inline constexpr std::size_t kMaxOutputBytes = 256 * 1024;

struct ChildResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

using LineCallback = std::function<void(std::string_view line)>;

// What the child said and how it ended. An error if it did not start, ran out of time or was
// cancelled (sys_errno is then ETIMEDOUT or ECANCELED). `on_line` gets each line of stdout as it
// comes.
[[nodiscard]] Result<ChildResult> run_child(const ChildSpec& spec,
                                            const LineCallback& on_line = {});

// The same, and an exit code other than 0 is an error that ends in the last thing the child
// complained of.
[[nodiscard]] Result<std::string> run_child_checked(const ChildSpec& spec,
                                                    const LineCallback& on_line = {});

// Where a program is that would be started under this name: looked up in PATH, then in `besides`
// ("/a:/b"), unless it has a '/'. ENOENT where there is none that we may run.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::string& besides = {});

}  // namespace banger::host
