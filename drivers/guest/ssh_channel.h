// One command or login shell on a session. Output is pushed into `out` and `err` whenever the
// session is turned, and only then: whoever stops turning stops reading the socket, and TCP holds
// the guest back. That is the whole flow control for output, because libssh's own window grows with
// every read. Used by ssh_client and by banger-guest. Must be destroyed before its session.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/guest/ssh_session.h"

struct ssh_channel_struct;

namespace banger::guest {

struct WindowSize {
  int columns = 80;
  int rows = 24;
};

class SshChannel {
 public:
  // What the guest said of the command's end: a code, or the name of a signal ("TERM").
  struct End {
    std::optional<int> code;
    std::string signal;
  };

  [[nodiscard]] static SshResult<SshChannel> open(SshSession& session, Deadline deadline);
  SshChannel(SshChannel&&) noexcept;
  ~SshChannel();

  [[nodiscard]] SshResult<void> request_terminal(const std::string& term, WindowSize size,
                                                 Deadline);
  [[nodiscard]] SshResult<void> exec(const std::string& command, Deadline deadline);
  [[nodiscard]] SshResult<void> login_shell(Deadline deadline);

  // Handles what has arrived, at most about `budget` bytes of output; false once the connection is
  // gone.
  [[nodiscard]] bool turn(size_t budget);
  // Sends what the guest's window takes now and says how much that was; an error is a lost
  // connection.
  [[nodiscard]] SshResult<size_t> write(std::string_view bytes);
  [[nodiscard]] bool writable() const;  // the window is open and nothing waits in the socket
  [[nodiscard]] SshResult<void> send_eof();
  void resize(WindowSize size);

  [[nodiscard]] bool finished() const;  // the guest will send no more output
  [[nodiscard]] bool closed() const;    // nor anything else, such as the command's end
  [[nodiscard]] const std::optional<End>& end() const;
  [[nodiscard]] std::string& out();  // the caller takes from the front what he has passed on
  [[nodiscard]] std::string& err();

 private:
  struct State;  // at a fixed address: libssh keeps pointers into it
  explicit SshChannel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace banger::guest
