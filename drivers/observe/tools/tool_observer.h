// The observer `tools`: one look at the host by what pgrep, dmsetup, losetup and ip say, as child processes on
// the loop, at once and each with a deadline. They propose; what a process is, whose a loop's mark is and
// whether a link is really there is then proved on a worker thread. A tool that is missing, fails, takes too long or
// says something odd makes its part unknown. Slower than native, and its oracle: another way to the same answer.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "drivers/observe/look.h"
#include "drivers/observe/tools/reports.h"
#include "drivers/uv/process.h"
#include "drivers/uv/worker_pool.h"

namespace banger::observe {

struct ToolOptions {
  // Each a program and what comes before our arguments, such as {"nsenter", ..., "pgrep"}.
  Arguments pgrep{"pgrep"};
  Arguments dmsetup{"dmsetup"};
  Arguments losetup{"losetup"};
  Arguments ip{"ip"};
  std::uint64_t deadline_ms = 10'000;
  std::size_t max_output_bytes = std::size_t{64} << 20;  // 10,000 taps are 8 MiB
};

class ToolObserver {
 public:
  using Done = std::function<void(Look)>;

  ToolObserver(uv::Loop& loop, uv::WorkerPool& pool, LookSpec spec, ToolOptions options = {});
  // Ends what still runs; `done` is not called then. The pool must have been drained.
  ~ToolObserver();
  ToolObserver(const ToolObserver&) = delete;
  ToolObserver& operator=(const ToolObserver&) = delete;

  // One look at a time. `done` never runs from within. Loop's thread only.
  void observe(Done done);

 private:
  // What each has said: its output, or why there is none. Not in it: nobody asked.
  using Reports = std::map<std::string, Result<std::string>>;

  void ask(const std::string& tool, const Arguments& program, const Arguments& arguments, int none_found = 0);
  void told(const std::string& tool, Result<std::string> report);
  static Parts prove(const LookSpec& spec, const Reports& reports);

  uv::Loop& loop_;
  uv::WorkerPool& pool_;
  const LookSpec spec_;
  const ToolOptions options_;
  Done done_;
  std::map<std::string, std::optional<uv::Process>> asked_;  // nothing: it could not be started
  Reports reports_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

// Where a program is, in PATH or where administrators' programs are. ENOENT where it is nowhere.
[[nodiscard]] Result<std::string> find_tool(const std::string& name);

}  // namespace banger::observe
