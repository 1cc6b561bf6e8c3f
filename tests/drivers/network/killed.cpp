#include "tests/drivers/network/killed.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <utility>

#include "tests/drivers/network/namespaces.h"

namespace banger::network::test {

bool killed_at(int nth, const std::function<void()>& work) {
  const pid_t pid = ::fork();
  EXPECT(pid >= 0);
  if (pid == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    try {
      work();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
  bool entering = true;
  for (int seen = 0;;) {
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
    EXPECT(::waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status)) {
      EXPECT(WEXITSTATUS(status) == 0);
      return false;
    }
    EXPECT(WIFSTOPPED(status));
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    if (std::exchange(entering, !entering)) {
      user_regs_struct registers{};
      ::ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
      const auto call = static_cast<long>(registers.orig_rax);
      if (call != SYS_sendmsg && call != SYS_sendto && call != SYS_ioctl && call != SYS_write) continue;
      if (++seen < nth) continue;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      return true;
    }
  }
}

}  // namespace banger::network::test
