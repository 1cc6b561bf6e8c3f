// Process: runs a short-lived tool on the loop (mmdebstrap, qemu-img, ip, a hook) with bytes for
// its stdin, bounded output and a deadline. Owned by whoever waits for it; never used for a VMM,
// which outlives us (spawn.h). The child leads its own session: when it ends, runs out of time or
// its owner goes, everything left in its process group is killed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/uv/loop.h"
#include "drivers/uv/spawn.h"

namespace banger::uv {

enum class Stream { kOut, kErr };

struct ProcessSpec {
  std::vector<std::string> argv = {};
  std::optional<std::vector<std::string>> env = {};  // unset: ours
  std::string cwd = {};
  std::string stdin_bytes = {};       // empty: /dev/null
  uint64_t timeout_ms = 60'000;       // 0: none
  size_t max_output_bytes = 1 << 20;  // kept of each stream; the rest is read and dropped
  // With `on_line` the output goes there as it comes, and none of it is kept.
  std::function<void(Stream, std::string_view line)> on_line = {};
  size_t max_line_bytes = 4096;
};

struct ProcessResult {
  ExitStatus status;
  bool timed_out = false;  // its status is then SIGKILL's
  std::string out;
  std::string err;
  bool out_truncated = false;
  bool err_truncated = false;

  [[nodiscard]] bool ok() const { return status == ExitStatus{} && !timed_out; }
};

class Process {
 public:
  using Done = std::function<void(ProcessResult)>;

  // An exec that fails is an error here; `done` never runs from within start(), and may destroy
  // the Process.
  [[nodiscard]] static Result<Process> start(Loop& loop, ProcessSpec spec, Done done);
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  // Kills the group if it still runs. `done` is not called; the loop reaps the child later.
  ~Process();

  // Kills the group now; `done` follows with SIGKILL's status.
  void kill();

 private:
  struct Impl;
  explicit Process(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace banger::uv
