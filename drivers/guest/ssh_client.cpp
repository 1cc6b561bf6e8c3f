#include "drivers/guest/ssh_client.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

#include "drivers/guest/quote.h"
#include "drivers/guest/ssh_channel.h"

namespace banger::guest {
namespace {

constexpr size_t kTurnBytes = 256 * 1024;

// A connection that breaks looks like the end of input to cat, hence the size: half a file is never
// moved.
constexpr std::string_view kUploadScript = R"sh(umask 077
new="$1.banger-$$"
trap 'rm -f -- "$new"' EXIT
cat >"$new" || exit 1
[ "$(wc -c <"$new")" -eq "$3" ] || { echo "the file arrived incomplete" >&2; exit 1; }
chmod "$2" "$new" && mv -f -- "$new" "$1")sh";

void keep(std::string& from, std::string& to, size_t limit, bool& truncated) {
  size_t room = limit - std::min(limit, to.size());
  truncated |= from.size() > room;
  to.append(from, 0, room);
  from.clear();
}

SshError outlived() {
  return {SshFault::timed_out, "the command in the guest did not end in time"};
}

// Sends all that the window takes; asks for the end of input once everything is through.
SshResult<void> push_input(SshChannel& channel, std::string_view& input, bool& ended) {
  while (!input.empty() && channel.writable()) {
    auto sent = channel.write(input);
    if (!sent) return std::unexpected(std::move(sent).error());
    if (*sent == 0) break;
    input.remove_prefix(*sent);
  }
  if (!input.empty() || ended) return {};
  ended = true;
  return channel.send_eof();
}

}  // namespace

int code_of_signal(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, int>, 13> kNames{{{"ABRT", SIGABRT},
                                                                            {"ALRM", SIGALRM},
                                                                            {"FPE", SIGFPE},
                                                                            {"HUP", SIGHUP},
                                                                            {"ILL", SIGILL},
                                                                            {"INT", SIGINT},
                                                                            {"KILL", SIGKILL},
                                                                            {"PIPE", SIGPIPE},
                                                                            {"QUIT", SIGQUIT},
                                                                            {"SEGV", SIGSEGV},
                                                                            {"TERM", SIGTERM},
                                                                            {"USR1", SIGUSR1},
                                                                            {"USR2", SIGUSR2}}};
  for (const auto& [known, number] : kNames) {
    if (known == name) return 128 + number;
  }
  return 255;
}

SshResult<RunResult> run(SshSession& session, const std::string& command, std::string_view input,
                         size_t limit, Deadline deadline) {
  auto channel = SshChannel::open(session, deadline);
  if (!channel) return std::unexpected(std::move(channel).error());
  if (auto started = channel->exec(command, deadline); !started) {
    return std::unexpected(std::move(started).error());
  }
  RunResult result;
  bool ended = false;
  for (;;) {
    // A command may end without having read its input: sending then fails, and that is no error.
    (void)channel->turn(kTurnBytes);
    auto sent = channel->finished() ? SshResult<void>{} : push_input(*channel, input, ended);
    bool alive = session.alive();
    keep(channel->out(), result.out, limit, result.truncated);
    keep(channel->err(), result.err, limit, result.truncated);
    if (channel->finished() && channel->end()) break;
    if (!alive || channel->closed())
      return std::unexpected(session.error(SshFault::lost, "the connection was lost"));
    if (!sent && !channel->finished()) return std::unexpected(std::move(sent).error());
    if (!input.empty() && channel->writable()) continue;  // the window opened meanwhile
    if (!session.wait(deadline)) return std::unexpected(outlived());
  }
  const auto& end = *channel->end();
  result.code = end.code ? *end.code : code_of_signal(end.signal);
  return result;
}

SshResult<void> upload_file(SshSession& session, const std::string& path, unsigned mode,
                            std::string_view bytes, Deadline deadline) {
  char octal[16];
  std::snprintf(octal, sizeof octal, "%04o", mode & 07777);
  const std::array<std::string, 7> words{
      "/bin/sh", "-c",  std::string(kUploadScript),  "banger-upload",
      path,      octal, std::to_string(bytes.size())};
  auto line = quote_words(words);
  if (!line) return std::unexpected(SshError{SshFault::refused, std::move(line).error().message});
  auto result = run(session, "exec " + *line, bytes, 4096, deadline);
  if (!result) return std::unexpected(std::move(result).error());
  if (result->code != 0) {
    return std::unexpected(
        SshError{SshFault::refused, "upload to the guest failed: " + result->err});
  }
  return {};
}

}  // namespace banger::guest
