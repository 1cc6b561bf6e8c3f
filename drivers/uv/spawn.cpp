#include "drivers/uv/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "events/assert.h"

extern char** environ;

namespace banger::uv {
namespace {

void must(int rc) {
  BANGER_ASSERT(rc == 0);
}  // these fail for want of memory only

class FileActions {
 public:
  FileActions() { must(posix_spawn_file_actions_init(&raw_)); }
  ~FileActions() { posix_spawn_file_actions_destroy(&raw_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  // Descriptors that lie in 0..2 themselves are saved above first: one dup2 must not overwrite the
  // source of the next.
  [[nodiscard]] Status set_stdio(const SpawnSpec& spec, Fd (&saved)[3]) {
    const int given[3] = {spec.stdin_fd, spec.stdout_fd, spec.stderr_fd};
    for (int target = 0; target < 3; ++target) {
      int source = given[target];
      if (source < 0) {
        must(posix_spawn_file_actions_addopen(&raw_, target, "/dev/null", O_RDWR, 0));
        continue;
      }
      if (source < 3) {
        saved[target].reset(fcntl(source, F_DUPFD_CLOEXEC, 3));
        if (!saved[target]) return fail_errno("copy a descriptor", errno);
        source = saved[target].get();
      }
      must(posix_spawn_file_actions_adddup2(&raw_, source, target));
    }
    must(posix_spawn_file_actions_addclosefrom_np(&raw_, 3));
    return {};
  }
  void set_cwd(const std::string& cwd) {
    if (!cwd.empty()) must(posix_spawn_file_actions_addchdir_np(&raw_, cwd.c_str()));
  }
  posix_spawn_file_actions_t* get() { return &raw_; }

 private:
  posix_spawn_file_actions_t raw_;
};

// Own session, empty signal mask, default dispositions (an ignored SIGPIPE would be inherited).
class Attributes {
 public:
  Attributes() {
    must(posix_spawnattr_init(&raw_));
    sigset_t set;
    sigemptyset(&set);
    must(posix_spawnattr_setsigmask(&raw_, &set));
    sigfillset(&set);
    must(posix_spawnattr_setsigdefault(&raw_, &set));
    must(posix_spawnattr_setflags(
        &raw_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~Attributes() { posix_spawnattr_destroy(&raw_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &raw_; }

 private:
  posix_spawnattr_t raw_;
};

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& s : strings) result.push_back(const_cast<char*>(s.c_str()));
  result.push_back(nullptr);
  return result;
}

// The name in parentheses may hold anything, so the fields are counted from the last ')'.
Result<uint64_t> start_time_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno("open " + path, errno);
  char text[1024];
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  if (size < 0) return fail_errno("read " + path, errno);
  text[size] = '\0';
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 22; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return fail("read " + path + ": unknown format");
  return std::strtoull(at + 1, nullptr, 10);
}

}  // namespace

Result<Spawned> spawn(const SpawnSpec& spec) {
  BANGER_ASSERT(!spec.argv.empty());
  Fd saved[3];
  FileActions actions;
  actions.set_cwd(spec.cwd);
  BANGER_TRY(actions.set_stdio(spec, saved));
  const Attributes attributes;
  const std::vector<char*> argv = c_strings(spec.argv);
  const std::vector<char*> env = spec.env ? c_strings(*spec.env) : std::vector<char*>{};

  Spawned child;
  const int rc = posix_spawnp(&child.pid, argv[0], actions.get(), attributes.get(), argv.data(),
                              spec.env ? env.data() : environ);
  if (rc != 0) return fail_errno("start " + spec.argv[0], rc);

  // Nobody but us reaps it, so that pid stays its own until then, even if it has already ended.
  auto start_time = start_time_of(child.pid);
  auto pidfd = open_pidfd(child.pid);
  if (!pidfd || !start_time) {
    ::kill(-child.pid, SIGKILL);
    while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) continue;
    return with_context("start " + spec.argv[0], pidfd ? start_time.error() : pidfd.error());
  }
  child.pidfd = std::move(*pidfd);
  child.start_time_ticks = *start_time;
  return child;
}

Result<std::optional<ExitStatus>> reap(int pidfd) {
  siginfo_t info{};
  int rc;
  do {
    rc = ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG);
  } while (rc != 0 && errno == EINTR);
  if (rc != 0) return fail_errno("wait for a process", errno);
  if (info.si_pid == 0) return std::optional<ExitStatus>();
  const bool exited = info.si_code == CLD_EXITED;
  return ExitStatus{exited ? info.si_status : 0, exited ? 0 : info.si_status};
}

Result<Fd> open_pidfd(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return fail_errno("pidfd_open " + std::to_string(pid), errno);
  return fd;
}

Status send_signal(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return {};
  return fail_errno("send signal " + std::to_string(signal), errno);
}

}  // namespace banger::uv
