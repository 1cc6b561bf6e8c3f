// What the observers' tests share: a look by tools on a loop of its own, and a process that has its argv.
#pragma once

#include <poll.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include "drivers/observe/native.h"
#include "drivers/observe/tools/tool_observer.h"

namespace banger::observe::test {

// Where another job has the machine, or it is an emulated one, ten seconds are not always enough for pgrep.
inline ToolOptions patient() { return {.deadline_ms = 120'000}; }

inline Look observe_with_tools(const LookSpec& spec, const ToolOptions& options = patient()) {
  uv::Loop loop;
  auto pool = std::make_unique<uv::WorkerPool>(loop, 1);
  ToolObserver observer(loop, *pool, spec, options);
  std::optional<Look> told;
  observer.observe([&](Look look) {
    told = std::move(look);
    loop.stop();
  });
  loop.run();  // not for ever: each tool has its deadline
  pool.reset();
  loop.drain();
  return *std::move(told);
}

// posix_spawn returns when exec has let go of our memory, a moment before argv is there.
inline void await_argv(pid_t pid, const std::string& word) {
  for (int looks = 0; looks < 4000; ++looks) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    const std::string argv{std::istreambuf_iterator<char>(file), {}};
    if (argv.find(word) != std::string::npos) return;
    ::poll(nullptr, 0, 5);
  }
  throw std::runtime_error("process " + std::to_string(pid) + " never had " + word);
}

// Both, of a host that stayed as it was meanwhile.
struct BothLooks {
  Look native, tools;
};
inline BothLooks look_twice(const LookSpec& spec) {
  for (int tries = 0; tries < 20; ++tries) {
    const Look before = observe_native(spec);
    Look tools = observe_with_tools(spec);
    Look after = observe_native(spec);
    if (before.seen == after.seen) return {std::move(after), std::move(tools)};
  }
  throw std::runtime_error("the host never stayed as it was");
}

}  // namespace banger::observe::test
