#include "cli/banger-guest/terminal.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace banger::guest {

RawTerminal::RawTerminal(int fd) : fd_(fd) {
  termios now{};
  if (::tcgetattr(fd_, &now) != 0) return;
  before_ = now;
  ::cfmakeraw(&now);
  (void)::tcsetattr(fd_, TCSADRAIN,
                    &now);  // a terminal that refuses stays as it is, which works too
}

RawTerminal::~RawTerminal() {
  if (!before_) return;
  // A background process that changes its terminal is stopped by SIGTTOU unless it ignores that.
  ::signal(SIGTTOU, SIG_IGN);
  (void)::tcsetattr(fd_, TCSADRAIN, &*before_);
}

WindowSize window_size() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
      return {size.ws_col, size.ws_row};
    }
  }
  return {};
}

int open_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH}) sigaddset(&signals, number);
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return -1;
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return -1;
  return ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace banger::guest
