#include "cli/bangerctl/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

namespace banger::ctl {
namespace {

constexpr int kAboveTargets = 64;  // sources are moved here, so that no dup2 overwrites one

class Actions {
 public:
  Actions() { ::posix_spawn_file_actions_init(&actions_); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&actions_); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;

  [[nodiscard]] Status pass(const std::vector<int>& fds);
  void detach(const std::string& log);
  void close_rest(int from) { note(::posix_spawn_file_actions_addclosefrom_np(&actions_, from)); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }
  [[nodiscard]] int error() const { return error_; }

 private:
  void note(int error) {
    if (error != 0) error_ = error;
  }
  posix_spawn_file_actions_t actions_;
  std::vector<kj::AutoCloseFd> moved_;
  int error_ = 0;
};

Status Actions::pass(const std::vector<int>& fds) {
  int target = kFirstPassed;
  for (const int fd : fds) {
    kj::AutoCloseFd moved(::fcntl(fd, F_DUPFD_CLOEXEC, kAboveTargets));
    if (moved.get() < 0) return fail_errno("pass a descriptor on", errno);
    note(::posix_spawn_file_actions_adddup2(&actions_, moved.get(), target++));
    moved_.push_back(kj::mv(moved));
  }
  return {};
}

void Actions::detach(const std::string& log) {
  note(::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0));
  note(::posix_spawn_file_actions_addopen(&actions_, 1, log.c_str(),
                                          O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  note(::posix_spawn_file_actions_adddup2(&actions_, 1, 2));
}

}  // namespace

Result<pid_t> spawn(const Spawn& what) {
  Actions actions;
  if (what.detached) actions.detach(what.log);
  BANGER_TRY(actions.pass(what.pass));
  actions.close_rest(kFirstPassed + static_cast<int>(what.pass.size()));
  if (actions.error() != 0) return fail_errno("start " + what.program, actions.error());

  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  const int flags =
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (what.detached ? POSIX_SPAWN_SETSID : 0);
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));

  std::vector<char*> argv{const_cast<char*>(what.program.c_str())};
  for (const std::string& arg : what.args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, what.program.c_str(), actions.get(), &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return fail_errno("start " + what.program, error);
  return pid;
}

Result<kj::AutoCloseFd> open_pidfd(pid_t pid) {
  // The wrapper came with glibc 2.36; the descriptor is close-on-exec by itself.
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return fail_errno("watch process " + std::to_string(pid), errno);
  return kj::AutoCloseFd(static_cast<int>(fd));
}

Result<std::string> find_program(std::string_view name) {
  std::array<char, PATH_MAX> self{};
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  std::string places;
  if (size > 0) {
    const std::string_view path(self.data(), static_cast<std::size_t>(size));
    places = path.substr(0, path.rfind('/'));
  }
  if (const char* path = std::getenv("PATH")) places.append(":").append(path);
  for (std::size_t begin = 0; begin < places.size();) {
    const std::size_t end = std::min(places.find(':', begin), places.size());
    std::string candidate = places.substr(begin, end - begin) + "/" + std::string(name);
    // Only absolute places: what lies in the current directory is nobody's program.
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  return fail(std::string(name) + " is neither beside bangerctl nor in PATH");
}

}  // namespace banger::ctl
