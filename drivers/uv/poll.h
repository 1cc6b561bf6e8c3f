// Poll: tells when a descriptor can be read or written. Used by RPC, by QMP and ssh, and to watch
// pidfds. It is level-triggered: disarm it (set(0)) while nobody wants the bytes, or it spins.
// The descriptor is borrowed: it must outlive the Poll, and may be closed right after it. It is
// made non-blocking. Regular files can't be polled.
#pragma once

#include <functional>

#include "drivers/uv/loop.h"
#include "events/result.h"

namespace banger::uv {

enum PollEvents : int { kReadable = 1, kWritable = 2 };

class Poll {
 public:
  using Callback = std::function<void(int events)>;

  // Starts disarmed. An error condition on the descriptor counts as readable and writable: the
  // system call that follows says what it is.
  [[nodiscard]] static Result<Poll> open(Loop& loop, int fd, Callback callback);
  Poll(Poll&& other) noexcept;
  Poll& operator=(Poll&&) = delete;
  ~Poll();

  // Which events to wait for: kReadable, kWritable, both, or 0.
  void set(int events);
  [[nodiscard]] int events() const;

 private:
  struct Impl;
  explicit Poll(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

}  // namespace banger::uv
