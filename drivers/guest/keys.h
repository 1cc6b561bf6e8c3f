// Key pairs: one that the guest's sshd proves itself with and one that opens the door, both made
// when the VM is created, so that nobody ever trusts a host key on first sight. Called on a worker
// thread. Private keys go to 0600 files and nowhere else: never into an event, a log line or an
// error message.
#pragma once

#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::guest {

struct KeyPair {
  std::string private_openssh;   // for OpenSSH's sshd (HostKey) and for our own client
  std::string private_dropbear;  // for dropbear -r, which reads its own binary form only
  std::string public_line;       // "ssh-ed25519 AAAA... comment", without a newline
};

// A fresh ed25519 pair. `comment` ends the public line: printable, no newline.
[[nodiscard]] Result<KeyPair> make_key_pair(std::string_view comment);

// Puts `bytes` into `path` with mode 0600, whole or not at all, durable when it returns
// (temporary file, fsync, rename, fsync of the directory). Replaces what was there.
[[nodiscard]] Status write_private_file(const std::string& path, std::string_view bytes);

}  // namespace banger::guest
