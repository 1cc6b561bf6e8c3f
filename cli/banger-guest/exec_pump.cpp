#include "cli/banger-guest/exec_pump.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "cli/banger-guest/terminal.h"
#include "drivers/guest/tcp.h"

namespace banger::guest {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kInputChunk = 64 * 1024;
// A process that the command left behind may hold its stdout for ever. Once the command's end is
// known and nothing came for this long, what belongs to the command is here.
constexpr std::chrono::milliseconds kQuiet{500};

// A write that poll allowed must not block: a pipe that polls writable has room for PIPE_BUF bytes.
ssize_t write_some(int fd, const char* bytes, size_t size) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return -1;
  if (S_ISSOCK(status.st_mode)) return ::send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  constexpr size_t kPipeAtom = 4096;
  return ::write(fd, bytes, S_ISREG(status.st_mode) ? size : std::min(size, kPipeAtom));
}

const char* signal_word(uint32_t number) {
  switch (number) {
    case SIGINT:
      return "INT";
    case SIGQUIT:
      return "QUIT";
    default:
      return "TERM";
  }
}

}  // namespace

bool ExecPump::receiving() const {
  return channel_.out().size() - out_done_ + channel_.err().size() - err_done_ <= kMaxHeld;
}

bool ExecPump::drained() const {
  return channel_.out().empty() && channel_.err().empty();
}

void ExecPump::read_input() {
  input_.resize(kInputChunk);
  ssize_t n = ::read(setup_.in, input_.data(), input_.size());
  input_.resize(n > 0 ? static_cast<size_t>(n) : 0);
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) input_ended_ = true;
}

// Failures show in the session at the next turn: there is one place that decides what a loss means.
void ExecPump::send_input() {
  if (!input_.empty() && channel_.writable()) {
    if (auto sent = channel_.write(input_)) input_.erase(0, *sent);
  }
  if (input_.empty() && input_ended_ && !eof_sent_) {
    eof_sent_ = true;
    (void)channel_.send_eof();
  }
}

void ExecPump::flush(int& fd, std::string& bytes, size_t& done) {
  ssize_t n = write_some(fd, bytes.data() + done, bytes.size() - done);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n < 0) {  // nobody reads any more: the rest is dropped
    fd = -1;
    done = bytes.size();
  } else {
    done += static_cast<size_t>(n);
  }
  // Moved down only when half is gone, so that a large buffer isn't copied for every small write.
  if (done * 2 >= bytes.size()) {
    bytes.erase(0, done);
    done = 0;
  }
}

void ExecPump::forward(const char* name) {
  if (setup_.forward) setup_.forward(name);
}

std::optional<ExecPump::Stop> ExecPump::take_signals() {
  signalfd_siginfo info{};
  while (::read(setup_.signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGWINCH) {
      if (setup_.tty) channel_.resize(window_size());
      continue;
    }
    if (info.ssi_signo == SIGHUP) {
      forward("HUP");
      return Stop::hung_up;
    }
    if (!setup_.forward || ++interrupts_ > kMaxInterrupts) return Stop::given_up;
    forward(signal_word(info.ssi_signo));
  }
  return std::nullopt;
}

// What has come is passed on before its end or a loss is told.
std::optional<ExecPump::Stop> ExecPump::finish(bool alive) {
  if (!drained()) {
    quiet_until_.reset();
    return std::nullopt;
  }
  if (!channel_.end()) {
    return alive && !channel_.closed() ? std::nullopt : std::optional(Stop::lost);
  }
  if (!alive || channel_.finished()) return Stop::ended;
  if (!quiet_until_) quiet_until_ = Clock::now() + kQuiet;
  return Clock::now() >= *quiet_until_ ? std::optional(Stop::ended) : std::nullopt;
}

bool ExecPump::step(Deadline until) {
  enum { kSocket, kSignals, kIn, kOut, kErr };
  std::array<pollfd, 5> fds{};
  bool listen = receiving() && session_.alive();
  bool take = setup_.in >= 0 && !input_ended_ && input_.empty() && listen && channel_.writable();
  fds[kSocket] = {listen ? session_.fd() : -1, session_.poll_events(), 0};
  fds[kSignals] = {setup_.signals, POLLIN, 0};
  fds[kIn] = {take ? setup_.in : -1, POLLIN, 0};
  fds[kOut] = {channel_.out().empty() ? -1 : setup_.out, POLLOUT, 0};
  fds[kErr] = {channel_.err().empty() ? -1 : setup_.err, POLLOUT, 0};
  // Whatever handles packets may have opened the window, and nothing further comes for it to wake
  // us.
  bool more = listen && !input_.empty() && channel_.writable();
  int timeout = more ? 0 : until == Deadline::max() ? -1 : poll_timeout(until);
  if (::poll(fds.data(), fds.size(), timeout) < 0) {
    return errno == EINTR;
  }
  if (fds[kIn].revents != 0) read_input();
  bool out_open = setup_.out >= 0;
  if (fds[kOut].revents != 0) flush(setup_.out, channel_.out(), out_done_);
  if (fds[kErr].revents != 0) flush(setup_.err, channel_.err(), err_done_);
  // As if the command itself had written into the closed pipe.
  if (out_open && setup_.out < 0) forward("PIPE");
  return setup_.out >= 0 || setup_.forward;
}

ExecPump::Stop ExecPump::run() {
  if (setup_.in < 0) input_ended_ = true;
  for (;;) {
    bool alive = session_.alive();
    if (alive && receiving()) {
      (void)channel_.turn(kTurn);
      send_input();
      alive = session_.alive();
    }
    if (setup_.out < 0) channel_.out().clear();
    if (setup_.err < 0) channel_.err().clear();
    if (auto stop = finish(alive)) return *stop;
    if (auto stop = take_signals()) return *stop;
    if (Clock::now() >= setup_.deadline) return Stop::overdue;
    if (!step(std::min(setup_.deadline, quiet_until_.value_or(Deadline::max())))) return Stop::lost;
  }
}

}  // namespace banger::guest
