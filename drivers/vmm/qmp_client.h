// QmpClient: a conversation with one QEMU over its QMP socket, blocking, every call with a
// deadline; for worker threads. QEMU serves one client at a time: a second one waits in the
// socket's queue until its deadline, so hold this no longer than needed, and don't open one while
// the loop holds a connection to the same VM.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "drivers/vmm/qmp_parser.h"

namespace banger::vmm {

struct Shutdown {
  bool by_guest = false;
  std::string reason;  // guest-shutdown, guest-reset, guest-panic, host-qmp-quit, host-signal... ;
                       // empty: it only went away

  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

class QmpClient {
 public:
  using Duration = std::chrono::milliseconds;

  // Connects and negotiates. ENOENT or ECONNREFUSED when no VMM is there, ETIMEDOUT when it doesn't
  // answer.
  [[nodiscard]] static Result<QmpClient> connect(const std::string& socket_path, Duration deadline);
  QmpClient(QmpClient&& other) noexcept;
  QmpClient& operator=(QmpClient&&) = delete;
  ~QmpClient();

  // "running", "paused", "shutdown"...
  [[nodiscard]] Result<std::string> query_status(Duration deadline);
  // Presses the power button; the guest goes down in its own time, see await_shutdown().
  [[nodiscard]] Status system_powerdown(Duration deadline);
  // Ends QEMU at once, its files in order; what the guest held in memory is lost.
  [[nodiscard]] Status quit(Duration deadline);
  // Until QEMU says that it shuts down, or is gone.
  [[nodiscard]] Result<Shutdown> await_shutdown(Duration deadline);

 private:
  using Clock = std::chrono::steady_clock;
  explicit QmpClient(int fd) : fd_(fd) {}
  [[nodiscard]] Result<QmpMessage> execute(std::string_view command, Clock::time_point until);
  [[nodiscard]] Status send(std::string_view bytes, Clock::time_point until);
  // The next message; nothing at the end of the connection.
  [[nodiscard]] Result<std::optional<QmpMessage>> receive(Clock::time_point until);
  [[nodiscard]] Status wait_for(short events, Clock::time_point until) const;

  int fd_ = -1;
  std::uint64_t next_id_ = 1;
  QmpParser parser_;
  std::optional<Shutdown> shutdown_;  // seen while waiting for something else
};

}  // namespace banger::vmm
