// A guest's console without unbounded files: QEMU writes into a FIFO, the daemon reads it on its
// loop and keeps the last of it in a log that rotates. A guest can write 0.7 MB/s for ever, and
// QEMU would put all of it into a plain file. While nobody reads (the daemon is away) what the
// guest writes is dropped; while the reader is slow only the guest's own console writers wait.
// QEMU's open() of a FIFO waits for a reader: open_console() before spawning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::vmm {

// Makes the FIFO if it isn't there (0600) and opens it for reading: a non-blocking descriptor that
// belongs to the caller. It polls readable when there are bytes, and hung up (read gives 0) while
// no VMM has it open.
[[nodiscard]] Result<int> open_console(const std::string& fifo);

// A non-blocking writing end for the VMM's stderr, so that its complaints are bounded, too. Needs
// the reader first.
[[nodiscard]] Result<int> open_console_writer(const std::string& fifo);

// A log file that never takes more than about twice `max_bytes`: PATH, and PATH.N with what was
// before, where N is how many bytes had been written when PATH began. So a byte keeps its offset
// from the first byte ever written, across rotations and restarts. Contents are a guest's bytes as
// they came: whoever shows them must escape them.
class CappedLog {
 public:
  [[nodiscard]] static Result<CappedLog> open(std::string path, std::uint64_t max_bytes);
  CappedLog(CappedLog&& other) noexcept;
  CappedLog& operator=(CappedLog&&) = delete;
  ~CappedLog();
  [[nodiscard]] Status append(std::string_view bytes);

 private:
  CappedLog(std::string path, std::uint64_t max_bytes)
      : path_(std::move(path)), max_bytes_(max_bytes) {}
  [[nodiscard]] Status reopen();
  [[nodiscard]] Status rotate();
  std::string path_;
  std::uint64_t max_bytes_;
  std::uint64_t begin_ = 0;  // offset of PATH's first byte
  std::uint64_t size_ = 0;
  int fd_ = -1;
};

struct LogPage {
  std::uint64_t offset = 0;  // of the first byte here
  std::uint64_t end = 0;     // of the log: where the next byte written will be
  std::string bytes;
};

// Up to `max_bytes` of a capped log from `offset` on, or from the oldest byte kept where that is
// later, or none from the end where that is earlier. Empty when there is no log.
[[nodiscard]] Result<LogPage> read_log(const std::string& path, std::uint64_t offset,
                                       std::size_t max_bytes);
// The last `max_bytes`.
[[nodiscard]] Result<std::string> read_log_tail(const std::string& path, std::size_t max_bytes);

}  // namespace banger::vmm
