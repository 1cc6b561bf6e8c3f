// The user's terminal: raw while a remote terminal is attached, and as it was before on every way
// out. Signals arrive through a descriptor, so none of them can end the program past the
// destructor.
#pragma once

#include <termios.h>

#include <optional>

#include "drivers/guest/ssh_channel.h"

namespace banger::guest {

class RawTerminal {
 public:
  // Does nothing if `fd` is no terminal.
  explicit RawTerminal(int fd);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  int fd_;
  std::optional<termios> before_;
};

// The window of the first of stdin, stdout, stderr that is a terminal; 80 by 24 without one.
[[nodiscard]] WindowSize window_size();

// A close-on-exec descriptor for signalfd_siginfo of HUP, INT, QUIT, TERM and WINCH, which are
// blocked from now on; SIGPIPE is ignored. -1 if the kernel has none to give.
[[nodiscard]] int open_signals();

}  // namespace banger::guest
