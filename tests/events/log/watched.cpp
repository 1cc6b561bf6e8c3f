#include "tests/events/log/watched.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "events/log/files.h"

namespace banger::log::test {
namespace fs = std::filesystem;
namespace {

constexpr int kHangMs = 120'000;
constexpr int kStillMs = 1;  // whoever makes no call for so long is taken to wait for a sync
constexpr int kSayFd = STDOUT_FILENO;

void must(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("watched: ") + what + ": " + std::strerror(errno));
}

// What goes by the judge. Calls that would change files and that the log does not make end the process: should it
// come to make them, they must not slip by.
constexpr unsigned kJudged[] = {
    SYS_write, SYS_pwrite64, SYS_fsync, SYS_fdatasync, SYS_sync_file_range, SYS_ftruncate, SYS_fallocate,
    SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_unlink, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_rmdir,
};
constexpr unsigned kUnknown[] = {
    SYS_writev, SYS_pwritev, SYS_pwritev2, SYS_sendfile, SYS_copy_file_range, SYS_truncate, SYS_creat,
    SYS_symlink, SYS_symlinkat, SYS_sync, SYS_syncfs, SYS_msync, SYS_io_uring_enter, SYS_io_submit, SYS_splice,
};

class Filter {
 public:
  Filter() { add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)); }
  Filter& on(unsigned nr, std::uint32_t verdict) {
    add(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
    add(BPF_RET | BPF_K, verdict);
    return *this;
  }
  Filter& on_flags(unsigned nr, unsigned arg, std::uint32_t flags, std::uint32_t verdict) {
    add(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + arg * sizeof(std::uint64_t));
    add(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1);
    add(BPF_RET | BPF_K, verdict);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return *this;
  }
  std::vector<sock_filter> otherwise(std::uint32_t verdict) {
    add(BPF_RET | BPF_K, verdict);
    return std::move(program_);
  }

 private:
  void add(std::uint16_t code, std::uint32_t k, std::uint8_t yes = 0, std::uint8_t no = 0) {
    program_.push_back({code, yes, no, k});
  }
  std::vector<sock_filter> program_;
};

std::vector<sock_filter> judged_filter() {
  Filter filter;
  for (const unsigned nr : kJudged) filter.on(nr, SECCOMP_RET_USER_NOTIF);
  for (const unsigned nr : kUnknown) filter.on(nr, SECCOMP_RET_KILL_PROCESS);
  return filter.on_flags(SYS_openat, 2, O_CREAT | O_TRUNC, SECCOMP_RET_USER_NOTIF).otherwise(SECCOMP_RET_ALLOW);
}

std::vector<sock_filter> syncless_filter() {
  Filter filter;
  for (const unsigned nr : {SYS_fsync, SYS_fdatasync, SYS_sync_file_range}) filter.on(nr, SECCOMP_RET_ERRNO);  // of 0
  return filter.otherwise(SECCOMP_RET_ALLOW);
}

// Returns what the kernel gives: with SECCOMP_FILTER_FLAG_NEW_LISTENER the judge's end.
int install(std::vector<sock_filter> program, unsigned flags) {
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole));
}

[[noreturn]] void run(const std::function<void()>& work) {
  int status = 0;
  try {
    work();
  } catch (const std::exception& thrown) {
    say(thrown.what());
    status = 1;
  }
  ::_exit(status);  // no destructor of the test program's, and no look for leaks
}

// Two threads that write to it at once both find their place: a memfd alone has no lock around its offset.
Fd memory_file(const char* name) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  must(file.get() >= 0 && ::fcntl(file.get(), F_SETFL, O_APPEND) == 0, "memfd_create");
  return file;
}

// A fork with what it says and its errors in files of memory.
class Fork {
 public:
  // `prepare` is called in the fork before `work`; false ends it.
  Fork(const std::function<bool()>& prepare, const std::function<void()>& work) {
    pid_ = ::fork();
    must(pid_ >= 0, "fork");
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGABRT, SIG_DFL);  // not the test program's way of telling of its own
    ::dup2(said_.get(), kSayFd);
    ::dup2(errors_.get(), STDERR_FILENO);
    if (!prepare()) ::_exit(126);
    run(work);
  }
  Fork(const Fork&) = delete;
  ~Fork() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  WatchedEnd wait() {
    int status = 0;
    must(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, "waitpid");
    WatchedEnd end{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                   .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                   .said = {},
                   .errors = all_of(errors_)};
    std::istringstream lines(all_of(said_));
    for (std::string line; std::getline(lines, line);) end.said.push_back(line);
    return end;
  }

 private:
  static std::string all_of(const Fd& file) {
    std::string bytes(1u << 16, '\0');
    const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }

  Fd said_ = memory_file("said");
  Fd errors_ = memory_file("errors");
  pid_t pid_ = -1;
};

// The process as the judge's side sees it.
class Watched {
 public:
  Watched(pid_t pid, int socket, const fs::path& root) : pid_(pid), root_(root.string()) {
    int listener = -1;
    must(::recv(socket, &listener, sizeof listener, 0) == sizeof listener, "seccomp");
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    must(process_.get() >= 0, "pidfd_open");
    listener_ = its(listener);
    memory_ = Fd(::open(("/proc/" + std::to_string(pid) + "/mem").c_str(), O_RDONLY | O_CLOEXEC));
    must(memory_.get() >= 0, "its memory");
  }

  // False: it has ended.
  bool serve(const Judge& judge) {
    pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    const int got = ::poll(&ready, 1, later_.empty() ? kHangMs : kStillMs);
    if (got < 0 && errno == EINTR) return true;
    if (got == 0 && !later_.empty()) {
      finish_sync(judge);
      return true;
    }
    must(got > 0, "it hangs");
    if ((ready.revents & POLLIN) == 0) return false;
    seccomp_notif notice{};
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0) return true;  // killed meanwhile
    Call call;
    seccomp_notif_resp reply{.id = notice.id, .val = 0, .error = 0, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    if (read_call(notice.data, call) && is_judged(call)) {
      const Answer answer = judge(call);
      carry_out(answer, notice.data, call, reply);
      if (answer.verdict == Verdict::kLater) {
        later_.emplace_back(reply, call);
        return true;
      }
    }
    send(reply);
    return true;
  }

 private:
  [[nodiscard]] Fd its(int fd) const {
    Fd ours(static_cast<int>(::syscall(SYS_pidfd_getfd, process_.get(), fd, 0)));
    must(ours.get() >= 0, "pidfd_getfd");
    return ours;
  }

  void send(seccomp_notif_resp& reply) const {
    // It may be gone by now.
    static_cast<void>(::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &reply));
  }

  void finish_sync(const Judge& judge) {
    auto [reply, call] = std::move(later_.front());
    later_.erase(later_.begin());
    call.kind = Call::Kind::kSynced;
    static_cast<void>(judge(call));
    send(reply);
  }

  void carry_out(const Answer& answer, const seccomp_data& data, const Call& call, seccomp_notif_resp& reply) const {
    if (answer.verdict == Verdict::kDo) return;
    reply.flags = 0;
    if (answer.verdict == Verdict::kFail) reply.error = -answer.sys_errno;
    if (answer.verdict != Verdict::kHalf) return;
    const Fd file = its(static_cast<int>(data.args[0]));
    const std::size_t half = (call.bytes.size() + 1) / 2;
    const ssize_t written = call.offset ? ::pwrite(file.get(), call.bytes.data(), half, static_cast<off_t>(*call.offset))
                                        : ::write(file.get(), call.bytes.data(), half);
    must(written == static_cast<ssize_t>(half), "write half");
    reply.val = written;
  }

  [[nodiscard]] std::string bytes_at(std::uint64_t address, std::size_t count) const {
    std::string bytes(count, '\0');
    const ssize_t got = ::pread(memory_.get(), bytes.data(), count, static_cast<off_t>(address));
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  [[nodiscard]] fs::path path_of(int fd) const {
    std::error_code gone;
    return fs::read_symlink("/proc/" + std::to_string(pid_) + "/fd/" + std::to_string(fd), gone);
  }
  [[nodiscard]] std::string path_at(std::uint64_t dir_fd, std::uint64_t address) const {
    const std::string words = bytes_at(address, 4096);
    const fs::path path = words.substr(0, words.find('\0'));
    const auto dir = static_cast<int>(dir_fd);
    return path.is_absolute() || dir == AT_FDCWD ? path.string() : (path_of(dir) / path).string();
  }

  [[nodiscard]] bool is_judged(const Call& call) const {
    return call.kind == Call::Kind::kSay || call.path == root_ || call.path.starts_with(root_ + "/");
  }

  // False: nobody's business, such as what a sanitizer has to say.
  [[nodiscard]] bool read_call(const seccomp_data& data, Call& call) const {
    const auto& arg = data.args;
    const std::uint64_t here = static_cast<std::uint64_t>(AT_FDCWD);
    const auto fd = static_cast<int>(arg[0]);
    const auto of_path = [&](Call::Kind kind, std::uint64_t dir, std::uint64_t name) {
      call.kind = kind;
      call.path = path_at(dir, name);
    };
    const auto of_two = [&](Call::Kind kind, std::uint64_t dir, std::uint64_t name, std::uint64_t to_dir, std::uint64_t to) {
      of_path(kind, dir, name);
      call.to = path_at(to_dir, to);
    };
    const auto of_fd = [&](Call::Kind kind) {
      call.kind = kind;
      call.path = path_of(fd);
    };
    switch (data.nr) {
      case SYS_openat:
        of_path(Call::Kind::kOpen, arg[0], arg[1]);
        call.cuts = (arg[2] & O_TRUNC) != 0;
        return true;
      case SYS_write:
      case SYS_pwrite64:
        of_fd(fd == kSayFd ? Call::Kind::kSay : Call::Kind::kWrite);
        call.bytes = bytes_at(arg[1], arg[2]);
        if (call.kind == Call::Kind::kSay) call.bytes.pop_back();  // the newline
        if (data.nr == SYS_pwrite64) call.offset = arg[3];
        return fd != STDERR_FILENO;
      case SYS_fsync:
      case SYS_fdatasync: of_fd(Call::Kind::kSync); return true;
      case SYS_sync_file_range: of_fd(Call::Kind::kSyncRange); return true;
      case SYS_ftruncate: of_fd(Call::Kind::kTruncate); call.size = arg[1]; return true;
      case SYS_fallocate:
        of_fd(Call::Kind::kAllocate);
        call.size = (arg[1] & 1 /* FALLOC_FL_KEEP_SIZE */) != 0 ? 0 : arg[2] + arg[3];
        return true;
      case SYS_rename: of_two(Call::Kind::kRename, here, arg[0], here, arg[1]); return true;
      case SYS_renameat:
      case SYS_renameat2: of_two(Call::Kind::kRename, arg[0], arg[1], arg[2], arg[3]); return true;
      case SYS_link: of_two(Call::Kind::kLink, here, arg[0], here, arg[1]); return true;
      case SYS_linkat: of_two(Call::Kind::kLink, arg[0], arg[1], arg[2], arg[3]); return true;
      case SYS_unlink: of_path(Call::Kind::kUnlink, here, arg[0]); return true;
      case SYS_unlinkat:
        of_path((arg[2] & AT_REMOVEDIR) != 0 ? Call::Kind::kRemoveDir : Call::Kind::kUnlink, arg[0], arg[1]);
        return true;
      case SYS_mkdir: of_path(Call::Kind::kMakeDir, here, arg[0]); return true;
      case SYS_mkdirat: of_path(Call::Kind::kMakeDir, arg[0], arg[1]); return true;
      case SYS_rmdir: of_path(Call::Kind::kRemoveDir, here, arg[0]); return true;
      default: throw std::runtime_error("watched: a call that the filter should not have shown");
    }
  }

  pid_t pid_;
  std::string root_;
  Fd process_;
  Fd listener_;
  Fd memory_;
  std::vector<std::pair<seccomp_notif_resp, Call>> later_;
};

}  // namespace

std::string describe(const Call& call) {
  static constexpr const char* kWords[] = {"say",  "create", "write", "truncate", "allocate", "sync",
                                           "synced", "sync part of", "rename", "link", "remove", "make directory", "remove directory"};
  const std::string about = call.kind == Call::Kind::kSay ? call.bytes : fs::path(call.path).filename().string();
  return std::string(kWords[static_cast<std::size_t>(call.kind)]) + " " + about;
}

void say(const std::string& line) {
  const std::string whole = line + "\n";
  static_cast<void>(!::write(kSayFd, whole.data(), whole.size()));
}

WatchedEnd watch(const fs::path& root, const std::function<void()>& work, const Judge& judge) {
  int sockets[2];
  must(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
  const Fd ours(sockets[0]);
  Fd its(sockets[1]);
  Fork fork(
      [&] {
        const int listener = install(judged_filter(), SECCOMP_FILTER_FLAG_NEW_LISTENER);
        return listener >= 0 && ::send(its.get(), &listener, sizeof listener, 0) == sizeof listener;
      },
      work);
  its = Fd();
  for (Watched watched(fork.pid(), ours.get(), root); watched.serve(judge);) {
  }
  return fork.wait();
}

WatchedEnd run_without_syncs(const std::function<void()>& work) {
  return Fork([] { return install(syncless_filter(), 0) == 0; }, work).wait();
}

Answer no_syncs(const Call& call) {
  const bool sync = call.kind == Call::Kind::kSync || call.kind == Call::Kind::kSyncRange;
  return {sync ? Verdict::kDone : Verdict::kDo, 0};
}

}  // namespace banger::log::test
