#include "tests/faults/traced.h"

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "tests/catch.h"

namespace banger::faults {
namespace {

namespace fs = std::filesystem;

constexpr int kReadyFd = 3;
constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

// ptrace(2) is declared with an enum of its own in C++.
long trace(int request, pid_t task, std::uintptr_t address = 0, std::uintptr_t data = 0) {
  return ::ptrace(static_cast<__ptrace_request>(request), task, address, data);
}

std::vector<pid_t> tasks_of(pid_t process) {
  std::vector<pid_t> tasks;
  std::error_code error;
  for (const auto& each : fs::directory_iterator("/proc/" + std::to_string(process) + "/task", error)) {
    tasks.push_back(std::stoi(each.path().filename()));
  }
  return tasks;
}

bool is_thread_of(pid_t task, pid_t process) {
  return fs::exists("/proc/" + std::to_string(process) + "/task/" + std::to_string(task));
}

std::string text_at(pid_t task, std::uint64_t address) {
  std::string text(4096, '\0');
  const int memory = ::open(("/proc/" + std::to_string(task) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = ::pread(memory, text.data(), text.size(), static_cast<off_t>(address));
  ::close(memory);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text.substr(0, text.find('\0'));
}

std::string file_of(pid_t task, std::uint64_t descriptor) {
  std::error_code error;
  const auto descriptors = fs::path("/proc/" + std::to_string(task) + "/fd");
  return fs::read_symlink(descriptors / std::to_string(static_cast<int>(descriptor)), error);
}

// The file of a call that belongs to `calls`; empty where it doesn't.
std::string file_of_call(Fault::Calls calls, pid_t task, std::uint64_t number, const __uint64_t* args) {
  using enum Fault::Calls;
  switch (number) {
    case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_pwritev: case SYS_ftruncate: case SYS_fallocate:
      return calls == kWrite ? file_of(task, args[0]) : "";
    case SYS_copy_file_range:
      return calls == kWrite ? file_of(task, args[2]) : "";
    case SYS_fsync: case SYS_fdatasync: case SYS_sync_file_range: case SYS_syncfs:
      return calls == kSync ? file_of(task, args[0]) : "";
    case SYS_open: case SYS_mkdir: case SYS_creat:
      return calls == kOpen && (number != SYS_open || (args[1] & (O_ACCMODE | O_CREAT)) != 0) ? text_at(task, args[0]) : "";
    case SYS_openat:
      return calls == kOpen && (args[2] & (O_ACCMODE | O_CREAT)) != 0 ? text_at(task, args[1]) : "";
    case SYS_rename:
      return calls == kRename ? text_at(task, args[1]) : "";
    case SYS_renameat: case SYS_renameat2:
      return calls == kRename ? text_at(task, args[3]) : "";
    default:
      return "";
  }
}

}  // namespace

struct Traced::Loop {
  Traced& traced;
  const Fault& fault;
  bool counting;
  std::set<pid_t> failing = {};  // tasks in a call that is to fail

  // Takes hold of all threads there are; new ones come along by the options.
  void seize() {
    std::set<pid_t> held;
    for (bool more = true; std::exchange(more, false);) {
      for (pid_t task : tasks_of(traced.pid_)) {
        if (!held.insert(task).second) continue;
        more = true;
        if (trace(PTRACE_SEIZE, task, 0, kOptions) == 0) trace(PTRACE_INTERRUPT, task);
      }
    }
  }

  void run() {
    int status = 0;
    for (pid_t task = 0; (task = ::waitpid(-1, &status, __WALL | __WNOTHREAD)) > 0 || errno == EINTR;) {
      if (task < 0) continue;
      if (WIFSTOPPED(status)) {
        stopped(task, status);
      } else if (task == traced.pid_) {
        traced.status_ = status;
        return;  // what is left of its children goes on: they are let go with this thread
      }
    }
  }

 private:
  void stopped(pid_t task, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) return at_call(task);
    if (event == PTRACE_EVENT_EXEC && task != traced.pid_) {
      trace(PTRACE_DETACH, task);  // another program now
      return;
    }
    go_on(task, event == 0 ? signal : 0);
  }

  void go_on(pid_t task, int signal = 0) { trace(PTRACE_SYSCALL, task, 0, static_cast<std::uintptr_t>(signal)); }

  void at_call(pid_t task) {
    __ptrace_syscall_info info{};
    trace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, reinterpret_cast<std::uintptr_t>(&info));
    if (info.op == PTRACE_SYSCALL_INFO_EXIT && failing.erase(task) != 0) fail(task);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && strikes(task, info)) {
      if (fault.then == Fault::Then::kKill) {
        traced.kill();
        return;  // the call is not carried out: whoever is killed at its entry does not get that far
      }
      skip(task);
    }
    go_on(task);
  }

  bool strikes(pid_t task, const __ptrace_syscall_info& info) {
    const std::uint64_t number = info.entry.nr;
    if (!counting) counting = number == SYS_flock && is_thread_of(task, traced.pid_);
    if (!counting) return false;
    std::string file;
    if (fault.calls != Fault::Calls::kAll) {
      file = file_of_call(fault.calls, task, number, info.entry.args);
      if (!file.starts_with(fault.below + "/")) return false;
    }
    const std::lock_guard lock(traced.mutex_);
    const std::uint64_t count = ++traced.counted_;
    if (traced.over_) return false;
    if (fault.nth == 0 || !(count == fault.nth || (count > fault.nth && fault.for_ever))) return false;
    if (!traced.struck_.exchange(true)) traced.struck_call_ = "system call " + std::to_string(number) + " " + file;
    return true;
  }

  // A number that no call has: the kernel does nothing, and fail() puts in what it says.
  void skip(pid_t task) {
    user_regs_struct registers{};
    trace(PTRACE_GETREGS, task, 0, reinterpret_cast<std::uintptr_t>(&registers));
    registers.orig_rax = ~0ull;
    trace(PTRACE_SETREGS, task, 0, reinterpret_cast<std::uintptr_t>(&registers));
    failing.insert(task);
  }

  void fail(pid_t task) {
    user_regs_struct registers{};
    trace(PTRACE_GETREGS, task, 0, reinterpret_cast<std::uintptr_t>(&registers));
    registers.rax = static_cast<std::uint64_t>(-static_cast<std::int64_t>(fault.error));
    trace(PTRACE_SETREGS, task, 0, reinterpret_cast<std::uintptr_t>(&registers));
  }
};

Traced::Traced(const std::vector<std::string>& argv, const std::string& output, const Fault* from_start) {
  std::vector<char*> words;
  for (const std::string& each : argv) words.push_back(const_cast<char*>(each.c_str()));
  words.push_back(nullptr);
  int ready[2], go[2];
  REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(go, O_CLOEXEC) == 0);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  REQUIRE((in >= 0 && out >= 0));
  pid_ = ::fork();
  if (pid_ == 0) {  // other threads' locks may be held in here: nothing but system calls
    ::close(go[1]);
    char word = 0;
    [[maybe_unused]] const ssize_t told = ::read(go[0], &word, 1);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (ready[1] == kReadyFd) ::fcntl(kReadyFd, F_SETFD, 0);
    ::dup2(ready[1], kReadyFd);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  REQUIRE(pid_ > 0);
  for (int fd : {ready[1], go[0], in, out}) ::close(fd);
  ready_ = ready[0];
  if (from_start) trace_from(*from_start, false);
  ::close(go[1]);  // off it goes
}

void Traced::strike(const Fault& fault) { trace_from(fault, true); }

void Traced::trace_from(const Fault& fault, bool counting) {
  REQUIRE(!tracer_.joinable());
  std::promise<void> held;
  tracer_ = std::thread([this, fault, counting, &held] {
    Loop loop{*this, fault, counting};
    loop.seize();
    held.set_value();
    loop.run();
  });
  held.get_future().wait();
}

bool Traced::relent() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  return struck_;
}

Traced::~Traced() {
  if (!reaped_) {
    kill();
    wait();
  }
  ::close(ready_);
}

void Traced::kill() const { ::kill(pid_, SIGKILL); }

int Traced::wait() {
  if (std::exchange(reaped_, true)) return status_;
  if (tracer_.joinable()) {
    tracer_.join();
  } else {
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
  }
  return status_;
}

}  // namespace banger::faults
