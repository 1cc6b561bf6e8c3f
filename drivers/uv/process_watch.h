// ProcessWatch: calls back once when the process of a pidfd has ended, and reaps it if it was our
// child. The daemon holds one for every VMM, whether it started it or adopted it after a restart.
// It never signals the process, and destroying it only ends the watching.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "drivers/uv/fd.h"
#include "drivers/uv/loop.h"
#include "drivers/uv/spawn.h"

namespace banger::uv {

class ProcessWatch {
 public:
  // Empty: it was not our child (adopted), so how it ended is not known.
  using Callback = std::function<void(std::optional<ExitStatus>)>;

  // Takes the pidfd. The callback never runs from within open(), and may destroy the watch.
  [[nodiscard]] static Result<ProcessWatch> open(Loop& loop, Fd pidfd, Callback callback);
  ProcessWatch(ProcessWatch&&) noexcept;
  ProcessWatch& operator=(ProcessWatch&&) = delete;
  ~ProcessWatch();

  // Borrowed, for pidfd_send_signal.
  [[nodiscard]] int pidfd() const;

 private:
  struct Impl;
  explicit ProcessWatch(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace banger::uv
