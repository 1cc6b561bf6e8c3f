// What a worker thread asks of a guest, as straight-line blocking functions with a deadline: run a
// command, put a file. For short things: a command whose output streams to a user is banger-guest's
// affair. Never retries: whether something may be done twice only the caller knows.
#pragma once

#include <string>
#include <string_view>

#include "drivers/guest/ssh_session.h"

namespace banger::guest {

struct RunResult {
  int code = 0;  // the exit code, or 128 + signal
  std::string out;
  std::string err;
  bool truncated = false;  // there was more output than the limit, and it was dropped
};

// `command` is read by the guest's shell: build it with quote_words. Keeps at most `limit` bytes of
// each stream and reads the rest away. A command that outlives the deadline goes on in the guest.
[[nodiscard]] SshResult<RunResult> run(SshSession& session, const std::string& command,
                                       std::string_view input, size_t limit, Deadline deadline);

// Puts `bytes` into `path` in the guest with `mode`, whole or not at all (a temporary file beside
// it, its size checked, then a rename). The directory must exist. Needs no sftp and no scp.
[[nodiscard]] SshResult<void> upload_file(SshSession& session, const std::string& path,
                                          unsigned mode, std::string_view bytes, Deadline deadline);

// 128 + the number of a signal that ssh names without SIG ("TERM"); 255 for a name that it doesn't
// list.
[[nodiscard]] int code_of_signal(std::string_view name);

}  // namespace banger::guest
