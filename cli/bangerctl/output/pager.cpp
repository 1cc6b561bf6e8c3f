#include "cli/bangerctl/output/pager.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace banger::ctl {
namespace {

constexpr std::size_t kMostHeld = 256 * 1024;  // of very long lines

bool in_path(const std::string& program, const std::string& path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    if (::access((path.substr(begin, end - begin) + "/" + program).c_str(), X_OK) == 0) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace

std::string pager_command(const Variables& get) {
  for (const char* name : {"BANGER_PAGER", "PAGER"}) {
    if (const char* command = get(name)) return std::string(command) == "cat" ? "" : command;
  }
  const char* path = get("PATH");
  return path && in_path("less", path) ? "less" : "";
}

Result<bool> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) return false;
    if (n < 0) return fail_errno("write the results", errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Pager::~Pager() { wait(); }

Status Pager::start() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  // The reader's ^C is the pager's business, and a reader that leaves is an EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  // F: end at once where it fits; R: colours; X: leave it on the screen.
  ::setenv("LESS", "FRX", 0);
  ::setenv("LV", "-c", 0);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t usual;
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  sigaddset(&usual, SIGINT);
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
  ::posix_spawnattr_setsigdefault(&attributes, &usual);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh", option = "-c";
  std::array<char*, 4> argv{shell.data(), option.data(), command_.data(), nullptr};
  const int error = ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[0]);
  pipe_ = ends[1];
  if (error != 0) {
    pid_ = 0;
    return fail_errno("start the pager", error);
  }
  return {};
}

Result<bool> Pager::write(std::string_view text) {
  if (pid_ != 0) return write_all(pipe_, text);
  held_ += text;
  lines_ += static_cast<std::size_t>(std::ranges::count(text, '\n'));
  if (lines_ < rows_ && held_.size() < kMostHeld) return true;
  BANGER_TRY(start());
  return write_all(pipe_, std::exchange(held_, {}));
}

void Pager::wait() {
  if (pipe_ >= 0) ::close(std::exchange(pipe_, -1));
  int status = 0;
  while (pid_ != 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

Status Pager::finish() {
  if (pid_ == 0 && pipe_ < 0) {
    const auto written = write_all(out_, std::exchange(held_, {}));
    if (!written) return std::unexpected(written.error());
  }
  wait();
  return {};
}

}  // namespace banger::ctl
