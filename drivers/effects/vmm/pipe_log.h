// PipeLog: what a VMM writes into a FIFO, read on the loop and kept in a capped log (drivers/vmm/console.h says why).
// Used for its console, and for the log and metrics of one that has its own. A slow or flooding VMM costs a bounded
// part of each turn; a disk that is full loses what was said, never the VM.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"
#include "drivers/vmm/console.h"

namespace banger::effects {

class PipeLog {
 public:
  // `reader`: what vmm::open_console() gave. `heard`, if any, gets all bytes as well.
  [[nodiscard]] static Result<std::unique_ptr<PipeLog>> open(uv::Loop& loop, Fd reader, const std::string& file,
                                                             std::uint64_t max_bytes,
                                                             std::function<void(std::string_view)> heard = {});
  PipeLog(const PipeLog&) = delete;
  PipeLog& operator=(const PipeLog&) = delete;

  // Takes what is in the pipe now, as much as one turn may.
  void read();

 private:
  PipeLog(uv::Loop& loop, Fd reader, vmm::CappedLog log, std::function<void(std::string_view)> heard);

  Fd reader_;
  vmm::CappedLog log_;
  std::function<void(std::string_view)> heard_;
  std::optional<uv::Poll> poll_;
  uv::Timer pause_;  // while nobody has the pipe open for writing it would poll readable for ever
};

}  // namespace banger::effects
