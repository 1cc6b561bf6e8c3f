// The daemon's listening socket: a file in a directory that nobody else can write to, never an
// abstract name (CVE-2020-15257). Used by Server alone. Who connects is known by SO_PEERCRED; the
// pid in it is for logs, never for authorisation, since it may have passed to another process.
// Where groups may come, too, the file is open to all and credentials decide: a file has one group
// only, and whoever is refused is to be told so.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>

#include "drivers/rpc/access.h"
#include "drivers/uv/fd.h"
#include "events/result.h"

namespace banger::rpc {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  Role role = Role::kNone;
};

[[nodiscard]] Result<Peer> peer_of(int socket, const Access& access);

class ListeningSocket {
 public:
  // Makes the directory if it is missing, and replaces the file of a dead server. A live server's,
  // and whatever is no socket, is an error. `shared`: the file is 0666 in a directory that everybody
  // can pass (0711), else 0600 in one that is the owner's (0700).
  // Two servers that start at the same moment must be kept apart by the caller's lock.
  [[nodiscard]] static Result<ListeningSocket> open(const std::string& path, bool shared);
  ListeningSocket(ListeningSocket&&) = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();  // removes the file if it is still the one that we made

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  ListeningSocket() = default;
  Fd fd_;
  std::string path_;
  struct stat made_{};
};

}  // namespace banger::rpc
