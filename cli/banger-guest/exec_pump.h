// Moves bytes between a user's descriptors and a command in a guest until the command has ended:
// one poll loop, bounded buffers, back pressure both ways (a slow reader stops the socket, a slow
// guest stops stdin). Never sets O_NONBLOCK: the descriptors are shared with whoever started us.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "drivers/guest/ssh_channel.h"

namespace banger::guest {

class ExecPump {
 public:
  enum class Stop {
    ended,     // channel.end() says how
    lost,      // the connection broke before the command's end was known
    overdue,   // the deadline came first
    hung_up,   // SIGHUP: our terminal or our parent is gone
    given_up,  // the user interrupted again and again
  };
  struct Setup {
    int in = -1;  // -1: the command gets no stdin
    int out = 1;
    int err = 2;
    int signals = -1;  // of open_signals()
    bool tty = false;
    Deadline deadline = Deadline::max();
    std::function<void(const char* name)> forward;  // passes "INT" on to the command
  };
  static constexpr size_t kMaxHeld =
      1024 * 1024;  // output not yet written: more, and we stop reading
  static constexpr size_t kTurn = 256 * 1024;
  static constexpr int kMaxInterrupts = 3;

  ExecPump(SshSession& session, SshChannel& channel, Setup setup)
      : session_(session), channel_(channel), setup_(std::move(setup)) {}

  [[nodiscard]] Stop run();

 private:
  [[nodiscard]] bool receiving() const;
  [[nodiscard]] bool drained() const;
  void read_input();
  void send_input();
  void flush(int& fd, std::string& bytes, size_t& done);
  [[nodiscard]] std::optional<Stop> take_signals();
  [[nodiscard]] std::optional<Stop> finish(bool alive);
  void forward(const char* name);
  [[nodiscard]] bool step(Deadline until);  // one poll and what it allows; false: the poll failed

  SshSession& session_;
  SshChannel& channel_;
  Setup setup_;
  std::string input_;
  bool input_ended_ = false;
  bool eof_sent_ = false;
  size_t out_done_ = 0;  // bytes at the front of channel_.out() that are written already
  size_t err_done_ = 0;
  int interrupts_ = 0;
  std::optional<Deadline> quiet_until_;
};

}  // namespace banger::guest
