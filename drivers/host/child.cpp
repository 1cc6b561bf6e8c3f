#include "drivers/host/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "events/assert.h"

extern char** environ;

namespace banger::host {
namespace {

using Clock = std::chrono::steady_clock;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe", errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// The child and its group: killed and reaped when this goes, unless it has been reaped already.
class Group {
 public:
  explicit Group(pid_t pid) : pid_(pid) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (pid_ > 0) (void)end();
  }
  // The leader is still a zombie or alive here, so its group's number is not anybody else's.
  int end() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

void keep_end(std::string& text, std::string_view more) {
  text += more;
  if (text.size() > kMaxOutputBytes) text.erase(0, text.size() - kMaxOutputBytes);
}

class Lines {
 public:
  explicit Lines(const LineCallback& on_line) : on_line_(on_line) {}
  void feed(std::string_view bytes) {
    if (!on_line_) return;
    for (char c : bytes) {
      if (c != '\n') line_ += c;
      if (c == '\n' || line_.size() == kMaxLineBytes) flush();
    }
  }
  void finish() {
    if (on_line_ && !line_.empty()) flush();
  }

 private:
  void flush() {
    on_line_(line_);
    line_.clear();
  }
  const LineCallback& on_line_;
  std::string line_;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const auto& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  return out;
}

// Whether `entry`'s name ("NAME=value") is among `environment`'s.
bool is_set(const std::vector<std::string>& environment, std::string_view entry) {
  const auto name = entry.substr(0, entry.find('=') + 1);
  return std::ranges::any_of(environment,
                             [&](const std::string& ours) { return ours.starts_with(name); });
}

Result<pid_t> spawn(const ChildSpec& spec, int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);  // whatever a library forgot to mark
  if (!spec.directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, spec.directory.c_str());
  }
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  auto argv = pointers(spec.argv);
  argv.push_back(nullptr);
  auto environment = pointers(spec.environment);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!is_set(spec.environment, *entry)) environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  pid_t pid = -1;
  int error = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno("start " + spec.argv[0], error);
  return pid;
}

// Takes what is there. False when nobody can write any more.
bool drain(const Fd& fd, std::string& text, Lines* lines) {
  std::array<char, 16384> buffer;
  ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  keep_end(text, bytes);
  if (lines != nullptr) lines->feed(bytes);
  return true;
}

// Reads both streams until the child itself ends. A grandchild that holds a stream open is not
// waited for.
Status follow(const ChildSpec& spec, Fd& out, Fd& err, const Fd& pidfd, ChildResult& result,
              Lines& lines) {
  const auto until = Clock::now() + spec.deadline;
  bool ended = false;
  while (true) {
    if (spec.cancelled != nullptr && spec.cancelled->load()) {
      return fail(spec.argv[0] + " was cancelled", ECANCELED);
    }
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return fail(spec.argv[0] + " took too long", ETIMEDOUT);
    std::array<pollfd, 3> fds{
        {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {ended ? -1 : pidfd.get(), POLLIN, 0}}};
    int wait = ended ? 0 : static_cast<int>(std::min<long>(left, 100));
    int ready = ::poll(fds.data(), fds.size(), wait);
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
    if (ready <= 0) {
      if (ended) return {};
      continue;
    }
    if (fds[0].revents != 0 && !drain(out, result.out, &lines)) out.reset();
    if (fds[1].revents != 0 && !drain(err, result.err, nullptr)) err.reset();
    if (fds[2].revents != 0) ended = true;
  }
}

std::string last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  auto start = text.rfind('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

}  // namespace

Result<ChildResult> run_child(const ChildSpec& spec, const LineCallback& on_line) {
  BANGER_ASSERT(!spec.argv.empty());
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  for (auto* pipe : {&in, &out, &err}) {
    if (!*pipe) return std::unexpected(pipe->error());
  }
  auto pid = spawn(spec, in->read.get(), out->write.get(), err->write.get());
  if (!pid) return std::unexpected(pid.error());
  Group group(*pid);
  in->read.reset();
  out->write.reset();
  err->write.reset();
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (pidfd.get() < 0) return fail_errno("pidfd_open", errno);

  ChildResult result;
  Lines lines(on_line);
  BANGER_TRY(follow(spec, out->read, err->read, pidfd, result, lines));
  lines.finish();
  result.exit_code = group.end();
  return result;
}

Result<std::string> run_child_checked(const ChildSpec& spec, const LineCallback& on_line) {
  auto result = run_child(spec, on_line);
  if (!result) return std::unexpected(std::move(result).error());
  if (result->exit_code == 0) return std::move(result->out);
  auto why = last_line(result->err.empty() ? result->out : result->err);
  return fail(spec.argv[0] + " failed (exit code " + std::to_string(result->exit_code) + ")" +
              (why.empty() ? "" : ": " + why));
}

Result<std::string> find_program(const std::string& name, const std::string& besides) {
  const auto runs = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (name.contains('/')) {
    if (runs(name)) return name;
    return fail_errno(name, errno);
  }
  const char* path = std::getenv("PATH");
  std::istringstream places((path ? path : "") + (":" + besides));
  for (std::string place; std::getline(places, place, ':');) {
    if (!place.empty() && runs(place + "/" + name)) return place + "/" + name;
  }
  return fail("there is no program " + name + " in PATH", ENOENT);
}

}  // namespace banger::host
