// One authenticated ssh connection to a guest. The host key must be the pinned one before anything
// secret or private is said; there is no trust on first use, no known_hosts, no ~/.ssh/config and
// no agent. Used by ssh_client (blocking, worker threads) and by banger-guest (its own poll loop).
// Not thread-safe: one session, one thread. No callback runs outside a call into the session or its
// channels.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "events/result.h"

struct ssh_event_struct;
struct ssh_session_struct;

namespace banger::guest {

using Deadline = std::chrono::steady_clock::time_point;

enum class SshFault {
  unreachable,     // no TCP connection
  no_banner,       // accepted, but no ssh server spoke within the deadline
  timed_out,       // an ssh server spoke, and then did not finish within the deadline
  protocol,        // what came was not ssh as we speak it
  wrong_host_key,  // somebody else answers: nothing was said to him
  bad_key,         // the private key or the pinned line cannot be read
  auth_refused,    // the guest does not accept the key
  refused,         // the guest would not open the channel or run the request
  lost,            // the connection broke
};

struct SshError {
  SshFault fault;
  std::string message;
};
template <class T>
using SshResult = std::expected<T, SshError>;

// The same error without its kind, for callers that only report it.
[[nodiscard]] inline Error plain(SshError error) {
  return {std::move(error.message), 0};
}

struct SshTarget {
  std::string host;  // a numeric address
  uint16_t port = 22;
  std::string user = "root";
  std::string private_key;  // OpenSSH or PEM text
  std::string host_key;     // the pinned line: "ssh-ed25519 AAAA..."
};

class SshSession {
 public:
  [[nodiscard]] static SshResult<SshSession> connect(const SshTarget& target, Deadline deadline);

  // What a poll loop waits for before it calls into a channel again.
  [[nodiscard]] int fd() const;
  [[nodiscard]] short poll_events() const;
  // Waits for that; false once the deadline is over.
  [[nodiscard]] bool wait(Deadline deadline) const;
  // Handles what has arrived, without waiting. Polling a channel would do so only until its end of
  // output, and the command's exit status comes after that.
  void turn() const;
  [[nodiscard]] bool alive() const;
  [[nodiscard]] SshError error(SshFault fault, std::string_view what) const;
  [[nodiscard]] ssh_session_struct* raw() const { return session_.get(); }

 private:
  struct Free {
    ssh_event_struct* event;  // null until the login is through
    int fd;                   // of the connection, and its inode
    unsigned long inode;
    void operator()(ssh_session_struct* session) const;
  };
  explicit SshSession(ssh_session_struct* session) : session_(session) {}
  std::unique_ptr<ssh_session_struct, Free> session_;
};

}  // namespace banger::guest
