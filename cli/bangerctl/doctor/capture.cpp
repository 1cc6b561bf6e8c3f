#include "cli/bangerctl/doctor/capture.h"

#include <fcntl.h>
#include <kj/io.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace banger::ctl::doctor {
namespace {

struct Pipe {
  kj::AutoCloseFd read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  return Pipe{kj::AutoCloseFd(ends[0]), kj::AutoCloseFd(ends[1])};
}

Result<pid_t> start(const std::string& program, const std::vector<std::string>& args, int out, int err) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno("start " + program, error);
  return pid;
}

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// False once nothing more comes.
bool take(int fd, std::string& into) {
  std::array<char, 4096> buffer;
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  const std::size_t room = kMostCaptured - std::min(into.size(), kMostCaptured);
  into.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
  return true;
}

// Reads both to their ends; false where the time was up before.
bool read_both(int out, int err, Captured& captured) {
  std::array<pollfd, 2> ends{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}};
  const std::int64_t until = now_ms() + kCaptureTimeoutMs;
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    const std::int64_t left = until - now_ms();
    if (left <= 0) return false;
    const int ready = ::poll(ends.data(), ends.size(), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return false;
    for (pollfd& end : ends) {
      std::string& into = &end == &ends[0] ? captured.out : captured.err;
      if (ready > 0 && end.revents != 0 && !take(end.fd, into)) end.fd = -1;
    }
  }
  return true;
}

}  // namespace

Result<Captured> capture(const std::string& program, const std::vector<std::string>& args) {
  auto out = make_pipe();
  if (!out) return std::unexpected(out.error());
  auto err = make_pipe();
  if (!err) return std::unexpected(err.error());
  const auto pid = start(program, args, out->write.get(), err->write.get());
  if (!pid) return std::unexpected(pid.error());
  out->write = kj::AutoCloseFd();
  err->write = kj::AutoCloseFd();
  Captured captured;
  const bool ended = read_both(out->read.get(), err->read.get(), captured);
  if (!ended) ::kill(*pid, SIGKILL);  // our child, not reaped yet: the number is still its own
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(program + " has not ended after 30 s");
  captured.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return captured;
}

}  // namespace banger::ctl::doctor
