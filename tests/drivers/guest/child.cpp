#include "tests/drivers/guest/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "events/assert.h"

namespace banger::guest {
namespace {

struct Pipe {
  int ends[2];
  Pipe() { BANGER_ASSERT(::pipe2(ends, O_CLOEXEC) == 0); }
};

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

void drain(int& fd, std::string& to) {
  char bytes[65536];
  ssize_t n = ::read(fd, bytes, sizeof bytes);
  if (n > 0) to.append(bytes, static_cast<size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) close_fd(fd);
}

}  // namespace

Child::Child(const std::vector<std::string>& argv, Options options) {
  std::vector<char*> words;
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  Pipe in, out, err;
  ::signal(SIGPIPE, SIG_IGN);
  pid_ = ::fork();
  BANGER_ASSERT(pid_ >= 0);
  if (pid_ == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::setsid();
    bool tty = options.tty >= 0;
    if (tty) ::ioctl(options.tty, TIOCSCTTY, 0);
    ::dup2(tty ? options.tty : in.ends[0], 0);
    ::dup2(tty ? options.tty : out.ends[1], 1);
    ::dup2(tty ? options.tty : err.ends[1], 2);
    if (options.extra >= 0) ::dup2(options.extra, 9);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
  ::close(in.ends[0]);
  ::close(out.ends[1]);
  ::close(err.ends[1]);
  in_ = in.ends[1];
  out_ = out.ends[0];
  err_ = err.ends[0];
}

Child::~Child() {
  close_fd(in_);
  close_fd(out_);
  close_fd(err_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::close_in() {
  close_fd(in_);
}
void Child::close_out() {
  close_fd(out_);
}

bool Child::await(std::string_view text) {
  while (seen_.find(text) == std::string::npos && out_ >= 0) drain(out_, seen_);
  return seen_.find(text) != std::string::npos;
}

Output Child::finish(std::string_view input) {
  Output result;
  result.out = std::move(seen_);
  if (in_ >= 0) ::fcntl(in_, F_SETFL, O_NONBLOCK);
  while (in_ >= 0 || out_ >= 0 || err_ >= 0) {
    if (input.empty()) close_fd(in_);
    pollfd fds[] = {{in_, POLLOUT, 0}, {out_, POLLIN, 0}, {err_, POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0) continue;
    if (fds[0].revents != 0) {
      ssize_t n = ::write(in_, input.data(), input.size());
      if (n > 0) input.remove_prefix(static_cast<size_t>(n));
      if (n < 0 && errno != EAGAIN) close_fd(in_);
    }
    if (fds[1].revents != 0) drain(out_, result.out);
    if (fds[2].revents != 0) drain(err_, result.err);
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

Output run_child(const std::vector<std::string>& argv, std::string_view input) {
  return Child(argv).finish(input);
}

bool running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  auto name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.size() > name_end + 2 && stat[name_end + 2] != 'Z';
}

bool becomes(const std::function<bool()>& look) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!look()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::usleep(10'000);
  }
  return true;
}

size_t open_descriptors() {
  std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

}  // namespace banger::guest
