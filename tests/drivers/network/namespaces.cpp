#include "tests/drivers/network/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <fstream>
#include <thread>

#include "drivers/host/child.h"
#include "tests/catch.h"

namespace banger::network::test {
namespace {

constexpr unsigned kMaxSeconds = 240;  // a test that hangs ends, and its namespaces with it

[[noreturn]] void stop(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

void enter_new_namespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  // Whoever isn't root may have the namespace in a user namespace, where they are.
  const int flags = uid == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER;
  if (::unshare(flags) != 0) stop("unshare (as root, or with user namespaces allowed)");
  if (uid == 0) return;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
}

[[noreturn]] void run_child(const std::function<void()>& body, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(kMaxSeconds);
  std::string said;
  try {
    enter_new_namespace();
    sh("ip link set lo up");
    body();
  } catch (const std::exception& failure) {
    said = failure.what();
    if (said.empty()) said = "something without words";
  }
  (void)!::write(out, said.data(), said.size());
  ::_exit(said.empty() ? 0 : 1);
}

}  // namespace

void in_new_namespace(const std::function<void()>& body) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  Fd in(ends[0]), out(ends[1]);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) run_child(body, out.get());
  out.reset();
  std::string said;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(in.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  INFO(said);
  CHECK(said.empty());
  CHECK(status == 0);
}

std::string sh(const std::string& commands) {
  host::ChildSpec spec;
  spec.argv = {"sh", "-ec", commands};
  auto done = host::run_child_checked(spec);
  if (!done) throw std::runtime_error(commands + ": " + done.error().message);
  return *std::move(done);
}

Namespace::Namespace() {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) stop("unshare");
      fd_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
      if (!fd_) stop("open the namespace");
      sh("ip link set lo up");
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

void Namespace::run(const std::function<void()>& body) const {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      if (::setns(fd_.get(), CLONE_NEWNET) != 0) stop("setns");
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::string Namespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

}  // namespace banger::network::test
