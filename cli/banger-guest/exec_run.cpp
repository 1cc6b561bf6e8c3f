#include "cli/banger-guest/exec_run.h"

#include <poll.h>
#include <unistd.h>

#include <cstdlib>

#include "cli/banger-guest/exec_pump.h"
#include "cli/banger-guest/terminal.h"
#include "drivers/guest/ssh_client.h"

namespace banger::guest {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr seconds kAskTimeout{10};        // one short question to the guest
constexpr seconds kReconnectTimeout{10};  // after a loss, until the outcome is called unknown
constexpr std::chrono::milliseconds kReconnectDelay{200};
constexpr std::chrono::milliseconds kStatusDelay{1000};
// The guest enforces the timeout; this is for a guest that no longer can.
constexpr seconds kTimeoutSlack{15};
constexpr size_t kAnswerLimit = 4096;

// True if a signal came: whoever waits for a lost command may stop waiting.
bool interrupted_within(int signals, std::chrono::milliseconds time) {
  pollfd waiting{signals, POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(time.count())) > 0;
}

Result<ExecStatus> ask_status(SshSession& session, const ExecRequest& request) {
  auto line = status_command(request);
  if (!line) return std::unexpected(std::move(line).error());
  auto answer = run(session, *line, {}, kAnswerLimit, Clock::now() + kAskTimeout);
  if (!answer) return std::unexpected(plain(std::move(answer).error()));
  return parse_status(answer->out);
}

// A connection of its own: the command's may be held back by a reader that doesn't read.
void pass_signal(const Options& options, const char* name) {
  auto line = signal_command(options.exec, name);
  auto deadline = Clock::now() + kAskTimeout;
  auto session = SshSession::connect(options.target, deadline);
  if (line && session) (void)run(*session, *line, {}, kAnswerLimit, deadline);
}

// What the guest's shell is to run; a long command is put there first. Before the command's channel
// is opened: dropbear closes a session channel that has nothing to do while another one ends.
SshResult<std::string> prepare(const Options& options, SshSession& session, Deadline deadline) {
  auto refused = [](std::string message) {
    return std::unexpected(SshError{SshFault::refused, std::move(message)});
  };
  if (options.verb == Options::Verb::shell) return std::string();
  auto line = exec_command(options.exec);
  if (!line) return refused(std::move(line).error().message);
  if (line->size() <= kMaxCommandLine) return *std::move(line);
  auto stage = stage_command(options.exec);
  auto staged = staged_command(options.exec);
  if (!stage || !staged) return refused("no way to name the command's file in the guest");
  auto put = run(session, *stage, *line, kAnswerLimit, deadline);
  if (!put) return std::unexpected(std::move(put).error());
  if (put->code != 0) return refused("the guest did not take the command: " + put->err);
  return *std::move(staged);
}

SshResult<SshChannel> start(const Options& options, SshSession& session, Deadline deadline) {
  auto line = prepare(options, session, deadline);
  if (!line) return std::unexpected(std::move(line).error());
  auto channel = SshChannel::open(session, deadline);
  if (!channel) return channel;
  SshResult<void> done;
  if (options.exec.tty) {
    const char* term = std::getenv("TERM");
    done = channel->request_terminal(term ? term : "dumb", window_size(), deadline);
  }
  if (done && options.verb == Options::Verb::shell) done = channel->login_shell(deadline);
  if (done && options.verb == Options::Verb::exec) done = channel->exec(*line, deadline);
  if (!done) return std::unexpected(std::move(done).error());
  return channel;
}

// Most codes speak for themselves; the few that banger uses too are looked up in the guest.
Outcome settle(const Options& options, SshSession& session, const SshChannel::End& end) {
  if (!end.code) return {Outcome::Kind::signalled, code_of_signal(end.signal)};
  if (options.verb == Options::Verb::shell) return {Outcome::Kind::exited, *end.code};
  if (*end.code <= 128 && *end.code != kTimedOutCode && *end.code != kFailedCode) {
    return {Outcome::Kind::exited, *end.code};
  }
  auto status = ask_status(session, options.exec);
  if (status && status->kind != ExecStatus::Kind::absent) return outcome_of(*status);
  if (*end.code != kFailedCode) return {Outcome::Kind::exited, *end.code};
  return {Outcome::Kind::failed, kFailedCode, "the guest did not start the command", true};
}

// The command goes on without us. Connects once more, and waits for its end as long as it may run.
Outcome find_out(const Options& options, int signals, Deadline deadline) {
  if (options.verb == Options::Verb::shell) return lost("with it the shell");
  auto reconnect = Clock::now() + kReconnectTimeout;
  auto session = SshSession::connect(options.target, reconnect);
  while (!session && Clock::now() < reconnect &&
         (session.error().fault == SshFault::unreachable ||
          session.error().fault == SshFault::no_banner ||
          session.error().fault == SshFault::lost)) {
    if (interrupted_within(signals, kReconnectDelay)) break;
    session = SshSession::connect(options.target, reconnect);
  }
  if (!session) return lost("the command's outcome is unknown: " + session.error().message);
  for (;;) {
    auto status = ask_status(*session, options.exec);
    if (!status) return lost("the command's outcome is unknown: " + status.error().message);
    if (status->kind != ExecStatus::Kind::running || Clock::now() >= deadline ||
        interrupted_within(signals, kStatusDelay)) {
      return outcome_of(*status);
    }
  }
}

Outcome conclude(const Options& options, int signals, SshSession& session, SshChannel& channel,
                 ExecPump::Stop stop, Deadline deadline) {
  switch (stop) {
    case ExecPump::Stop::ended:
      return settle(options, session, *channel.end());
    case ExecPump::Stop::lost:
      return find_out(options, signals, deadline);
    case ExecPump::Stop::overdue:
      return {Outcome::Kind::timed_out, kTimedOutCode,
              "the guest did not stop the command in time"};
    case ExecPump::Stop::hung_up:
      return {Outcome::Kind::lost, 129, "hung up"};
    case ExecPump::Stop::given_up:
      return {Outcome::Kind::lost, kFailedCode,
              "interrupted; the command may still run in the guest"};
  }
  return failed("unknown end");
}

}  // namespace

Outcome run_exec(const Options& options, int signals) {
  auto ready = Clock::now() + seconds(options.connect_timeout_s);
  auto session = SshSession::connect(options.target, ready);
  if (!session) return failed(session.error().message);
  auto channel = start(options, *session, ready);
  if (!channel) return failed(channel.error().message);
  auto deadline = Deadline::max();
  if (options.exec.timeout_s > 0) {
    deadline =
        Clock::now() + seconds(options.exec.timeout_s + options.exec.grace_s) + kTimeoutSlack;
  }
  ExecPump::Setup setup;
  setup.in = options.interactive ? STDIN_FILENO : -1;
  setup.signals = signals;
  setup.tty = options.exec.tty;
  setup.deadline = deadline;
  if (options.verb == Options::Verb::exec) {
    setup.forward = [&options](const char* name) { pass_signal(options, name); };
  }
  auto stop = [&] {
    std::optional<RawTerminal> raw;
    if (options.exec.tty && options.interactive) raw.emplace(STDIN_FILENO);
    return ExecPump(*session, *channel, std::move(setup)).run();
  }();
  return conclude(options, signals, *session, *channel, stop, deadline);
}

}  // namespace banger::guest
