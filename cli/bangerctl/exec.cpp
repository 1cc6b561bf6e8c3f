#include "cli/bangerctl/exec.h"

#include <fcntl.h>
#include <kj/async-unix.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <nlohmann/json.hpp>

#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/spawn.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

constexpr auto kPingEvery =
    20 * kj::SECONDS;  // the daemon drops clients that say nothing for a minute
constexpr auto kReconnectEvery = 1 * kj::SECONDS;
constexpr std::size_t kMaxOutcome = 64 * 1024;

struct Outcome {
  ExecOutcome outcome = ExecOutcome::kLost;
  std::uint32_t code = 0;
};

// An exec that the daemon knows of.
struct Opened {
  std::uint64_t vm_id = 0;
  std::uint64_t exec = 0;
  std::string host, user, host_key;
  std::uint16_t port = 0;
  kj::AutoCloseFd key;
  kj::Maybe<schema::ExecLease::Client> lease;
};

Answer<Opened> open_exec(Session& session, const GuestCommand& command) {
  const CommandId id = fresh_command_id();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto answer = session.call([&](schema::Control::Client control) {
      auto request = control.openExecRequest();
      write_id(request.initCommandId(), id);
      request.setVm(command.vm);
      auto argv = request.initArgv(static_cast<unsigned>(command.argv.size()));
      for (unsigned i = 0; i < argv.size(); ++i) argv.set(i, command.argv[i]);
      request.setTty(command.tty);
      request.setTimeoutMs(command.timeout_ms);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    if (answer->getReply().isRefused()) {
      return std::unexpected(refusal(answer->getReply().getRefused()));
    }
    Opened opened{.vm_id = answer->getVmId(), .exec = answer->getExec()};
    const auto access = answer->getAccess();
    opened.host = text_of(access.getHost());
    opened.port = access.getPort();
    opened.user = text_of(access.getUser());
    opened.host_key = text_of(access.getHostKey());
    opened.lease = answer->getLease();
    try {
      kj::Maybe<int> fd = answer->getKey().getFd().wait(session.io().waitScope);
      KJ_IF_MAYBE (number, fd) {
        // The capability owns its descriptor and goes with the connection; the command stays.
        opened.key = kj::AutoCloseFd(::fcntl(*number, F_DUPFD_CLOEXEC, 3));
      }
    } catch (const kj::Exception& exception) {
      if (auto failure = lasting_failure(exception)) return std::unexpected(*std::move(failure));
      session.drop();  // the connection broke between the answer and its descriptor
      continue;
    }
    if (opened.key.get() < 0) return failed("the daemon passed no key of the VM");
    return opened;
  }
  return failed("the daemon went away each time it was asked");
}

std::vector<std::string> guest_args(const GuestCommand& command, const Opened& opened) {
  std::vector<std::string> args{command.argv.empty() ? "shell" : "exec",
                                "--host",
                                opened.host,
                                "--port",
                                std::to_string(opened.port),
                                "--user",
                                opened.user,
                                "--host-key",
                                opened.host_key,
                                "--exec-id",
                                to_hex(opened.exec),
                                "--key-fd",
                                std::to_string(kFirstPassed),
                                "--outcome-fd",
                                std::to_string(kFirstPassed + 1),
                                "--die-with-parent"};
  if (command.timeout_ms > 0) {
    args.insert(args.end(), {"--timeout", std::to_string((command.timeout_ms + 999) / 1000)});
  }
  if (command.tty) args.emplace_back("--tty");
  if (command.interactive) args.emplace_back("--interactive");
  for (const std::string& each : command.env) args.insert(args.end(), {"--env", each});
  if (!command.cwd.empty()) args.insert(args.end(), {"--cwd", command.cwd});
  if (!command.argv.empty()) {
    args.emplace_back("--");
    args.insert(args.end(), command.argv.begin(), command.argv.end());
  }
  return args;
}

// A signal from the terminal reaches the whole process group by itself; one that somebody sent to
// us alone is passed on. Either way we stay until the command's end is reported.
kj::Promise<void> pass_signals(kj::UnixEventPort& port, int number, int pidfd) {
  return port.onSignal(number).then([&port, number, pidfd](siginfo_t&& info) {
    // Fails only where the process has ended already.
    if (info.si_code != SI_KERNEL) ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0);
    return pass_signals(port, number, pidfd);
  });
}

// Keeps the daemon aware of us while the command runs.
class LeaseKeeper {
 public:
  LeaseKeeper(Session& session, Opened& opened) : session_(session), opened_(opened) {}

  // Until `ended` resolves.
  void keep(kj::ForkedPromise<void>& ended, const bool& over);
  // False where the daemon could not be told, and has not settled it otherwise.
  [[nodiscard]] bool report(const Outcome& outcome);

 private:
  void resume(Session::Start start);

  Session& session_;
  Opened& opened_;
};

// Takes the exec up again on a new connection. No lease afterwards: it is over for the daemon.
void LeaseKeeper::resume(Session::Start start) {
  opened_.lease = nullptr;
  if (!session_.connect(start)) return;
  try {
    auto request = session_.control().resumeExecRequest();
    request.setVmId(opened_.vm_id);
    request.setExec(opened_.exec);
    auto answer = request.send().wait(session_.io().waitScope);
    if (answer.getOpen()) opened_.lease = answer.getLease();
  } catch (const kj::Exception&) {
    session_.drop();
  }
}

void LeaseKeeper::keep(kj::ForkedPromise<void>& ended, const bool& over) {
  kj::Promise<void> ping = kj::READY_NOW;
  while (!over) {
    auto& timer = session_.timer();
    if (!session_.connected()) {
      // Nobody starts a daemon here: whoever stopped it may have meant it.
      resume(Session::Start::kNever);
      if (session_.connected()) continue;
      ended.addBranch()
          .exclusiveJoin(timer.afterDelay(kReconnectEvery))
          .wait(session_.io().waitScope);
      continue;
    }
    bool lost = false;
    auto gone = session_.on_disconnect().then([&lost] { lost = true; },
                                              [&lost](kj::Exception&&) { lost = true; });
    ended.addBranch()
        .exclusiveJoin(kj::mv(gone))
        .exclusiveJoin(timer.afterDelay(kPingEvery))
        .wait(session_.io().waitScope);
    if (lost) {
      ping = kj::READY_NOW;
      session_.drop();
    } else if (!over) {
      ping = session_.control().pingRequest().send().ignoreResult().eagerlyEvaluate(
          [](kj::Exception&&) {});
    }
  }
}

bool LeaseKeeper::report(const Outcome& outcome) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (!session_.connected()) resume(Session::Start::kMay);
    if (!session_.connected()) return false;
    KJ_IF_MAYBE (lease, opened_.lease) {
      auto request = lease->finishRequest();
      request.setOutcome(static_cast<std::uint16_t>(outcome.outcome));
      request.setCode(outcome.code);
      try {
        request.send().ignoreResult().wait(session_.io().waitScope);
        return true;
      } catch (const kj::Exception& exception) {
        if (lasting_failure(exception)) return false;
        session_.drop();
      }
    } else {
      return true;  // settled without us, such as by a restart of the VM
    }
  }
  return false;
}

// The line that banger-guest leaves; one that was killed leaves none, and its command is lost.
Outcome read_outcome(int fd) {
  std::string line(kMaxOutcome, '\0');
  ssize_t size = 0;
  do {
    size = ::read(fd, line.data(), line.size());
  } while (size < 0 && errno == EINTR);
  line.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("outcome") || !json["outcome"].is_string()) return {};
  const auto word = json["outcome"].get<std::string>();
  const auto number = json.find("code");
  const int code = number != json.end() && number->is_number_integer() ? number->get<int>() : 0;
  if (word == "exited") return {ExecOutcome::kExited, static_cast<std::uint32_t>(code)};
  // The event has the signal's number, banger-guest's exit code the shell's form of it.
  if (word == "signalled") return {ExecOutcome::kSignalled, static_cast<std::uint32_t>(code - 128)};
  if (word == "timed_out") return {ExecOutcome::kTimedOut, 0};
  if (word == "failed") return {ExecOutcome::kFailed, 0};
  return {};
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return kOwnFailure;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Running {
  pid_t pid = 0;
  kj::AutoCloseFd pidfd;
  kj::AutoCloseFd outcome;
};

Result<Running> start_guest(const GuestCommand& command, const Opened& opened) {
  auto program = find_program("banger-guest");
  if (!program) return std::unexpected(std::move(program).error());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  Running running{.outcome = kj::AutoCloseFd(ends[0])};
  // Read once the helper has ended: what it left, without waiting for whoever else might hold the
  // pipe.
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  kj::AutoCloseFd theirs(ends[1]);
  auto pid = spawn({.program = *program,
                    .args = guest_args(command, opened),
                    .pass = {opened.key.get(), theirs.get()}});
  if (!pid) return std::unexpected(std::move(pid).error());
  running.pid = *pid;
  auto pidfd = open_pidfd(*pid);
  if (!pidfd) return std::unexpected(std::move(pidfd).error());
  running.pidfd = kj::mv(*pidfd);
  return running;
}

}  // namespace

Answer<int> run_in_guest(Session& session, const GuestCommand& command) {
  auto opened = open_exec(session, command);
  if (!opened) return std::unexpected(as_own(std::move(opened).error()));
  constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  for (const int number : kSignals) kj::UnixEventPort::captureSignal(number);

  LeaseKeeper keeper(session, *opened);
  auto running = start_guest(command, *opened);
  if (!running) {
    (void)keeper.report({ExecOutcome::kFailed, 0});
    return std::unexpected(as_own(to_failure(std::move(running).error())));
  }
  auto& port = session.io().unixEventPort;
  kj::Vector<kj::Promise<void>> signals;
  for (const int number : kSignals) {
    signals.add(pass_signals(port, number, running->pidfd.get()).eagerlyEvaluate(nullptr));
  }
  kj::UnixEventPort::FdObserver observer(port, running->pidfd.get(),
                                         kj::UnixEventPort::FdObserver::OBSERVE_READ);
  bool over = false;
  auto ended = observer.whenBecomesReadable().then([&over] { over = true; }).fork();
  keeper.keep(ended, over);

  const int code = exit_code_of(running->pid);
  if (!keeper.report(read_outcome(running->outcome.get()))) {
    note("bangerctl: the command's end could not be recorded");
  }
  return code;
}

Failure as_own(Failure failure) {
  if (failure.exit != kUsage) failure.exit = kOwnFailure;
  return failure;
}

Answer<GuestCommand> to_command(const GuestOptions& options, std::string vm,
                                std::vector<std::string> argv) {
  GuestCommand command{.vm = std::move(vm),
                       .argv = std::move(argv),
                       .tty = options.tty,
                       .env = options.env,
                       .cwd = options.cwd};
  // A terminal is read only where that was asked for: a background job would be stopped by it.
  command.interactive = !options.no_stdin && (options.interactive || options.tty ||
                                              command.argv.empty() || !is_terminal(STDIN_FILENO));
  if (!options.timeout.empty()) {
    const auto timeout = parse_duration_ms(options.timeout);
    if (!timeout) return misused("--timeout: " + timeout.error().message);
    if (*timeout == 0) return misused("--timeout: it must be longer than nothing");
    command.timeout_ms = *timeout;
  }
  for (const std::string& each : options.env) {
    if (each.find('=') == std::string::npos || each.starts_with('=')) {
      return misused("--env: '" + each + "' is not of the form NAME=VALUE");
    }
  }
  return command;
}

}  // namespace banger::ctl
