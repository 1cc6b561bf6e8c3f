// One process of the host, told apart from every other that ever had its pid (rule 4), and the
// facts of this boot. Called by drivers on worker threads and by the reconciler. Never signals by
// pid alone: a signal goes through a pidfd that was verified after it was opened.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/uv/fd.h"
#include "engine/handles.h"
#include "events/result.h"

namespace banger::observe {

// What of /proc/PID/stat (proc(5)) matters here.
struct ProcessStat {
  char state = '?';
  std::uint64_t start_ticks = 0;

  // A zombie has ended, though nobody has taken note of it yet.
  [[nodiscard]] bool ended() const { return state == 'Z' || state == 'X' || state == 'x'; }
};

// Takes the text of a stat file. The name in it may hold anything, brackets and blanks included.
[[nodiscard]] std::optional<ProcessStat> parse_stat(std::string_view text);

// What is left to read, and a file under `directory`: at most `limit` bytes of it.
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit);
[[nodiscard]] Result<std::string> read_at(int directory, const char* path, std::size_t limit);

[[nodiscard]] Result<BootId> boot_id();
[[nodiscard]] Result<std::string> kernel_release();

// ESRCH where there is no such process, or it has ended.
[[nodiscard]] Result<ProcessIdentity> identity_of(std::int32_t pid, BootId boot);

// A hold on exactly one process: whatever becomes of its pid, a signal reaches it or nobody.
class ProcessHold {
 public:
  // ESRCH where that process is no more: ended, or of an earlier boot, or its pid is another's now.
  [[nodiscard]] static Result<ProcessHold> open(const ProcessIdentity& process);

  // ESRCH once it has ended.
  [[nodiscard]] Status signal(int number) const;
  // Readable (poll(2)) once the process has ended.
  [[nodiscard]] int pidfd() const { return fd_.get(); }
  // Gives the pidfd away, to be watched.
  [[nodiscard]] Fd take() && { return std::move(fd_); }

 private:
  explicit ProcessHold(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

// Rule 3: what could not be told keeps its handles.
enum class Liveness { kAlive, kDead, kUnknown };
[[nodiscard]] Liveness liveness_of(const ProcessIdentity& process);

}  // namespace banger::observe
