#include "drivers/uv/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "drivers/uv/process_watch.h"
#include "tests/drivers/uv/support.h"

using namespace banger;
using namespace banger::uv;
using banger::uv::test::has_children;
using banger::uv::test::open_fds;
using banger::uv::test::run;

namespace {

struct Pipe {
  Fd read, write;
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  std::string all() {
    write.reset();
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = ::read(read.get(), buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    return text;
  }
};

bool wait_for_end(int pidfd, int limit_ms = 30'000) {
  pollfd ready{pidfd, POLLIN, 0};
  return ::poll(&ready, 1, limit_ms) == 1;
}

// What a shell script prints when spawned with `fill` applied to its spec.
std::string output_of(const std::string& script, SpawnSpec spec = {}) {
  Pipe pipe;
  spec.argv = {"/bin/sh", "-c", script};
  spec.stdout_fd = pipe.write.get();
  auto child = spawn(spec);
  REQUIRE(child);
  std::string text = pipe.all();
  REQUIRE(wait_for_end(child->pidfd.get()));
  const auto status = reap(child->pidfd.get());
  REQUIRE(status);
  CHECK(*status == ExitStatus{});
  return text;
}

}  // namespace

TEST_CASE("a child has the descriptors it was given and no others") {
  // Descriptors without CLOEXEC, as a careless library would leave them, low and high.
  const Fd low(::open("/dev/null", O_RDONLY));
  const Fd high(::fcntl(low.get(), F_DUPFD, 200));
  REQUIRE((low && high));
  // 3 is the shell's or ls's own, open on the very directory it lists.
  std::istringstream listed(output_of("ls /proc/self/fd"));
  const std::set<std::string> fds(std::istream_iterator<std::string>(listed), {});
  CHECK(fds == std::set<std::string>{"0", "1", "2", "3"});
  CHECK(output_of("readlink /proc/self/fd/0 /proc/self/fd/2") == "/dev/null\n/dev/null\n");
}

TEST_CASE("a child has no signal blocked or ignored, whatever we have") {
  sigset_t set, before;
  sigfillset(&set);
  pthread_sigmask(SIG_SETMASK, &set, &before);
  const auto old = ::signal(SIGUSR2, SIG_IGN);
  const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
  const std::string status = output_of("exec grep -E '^Sig(Blk|Ign)' /proc/self/status");
  ::signal(SIGPIPE, old_pipe);
  ::signal(SIGUSR2, old);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::istringstream lines(status);
  std::string name, blocked, ignored;
  lines >> name >> blocked >> name >> ignored;
  CHECK(std::stoull(blocked, nullptr, 16) == 0);
  // 32 and 33 are the C library's own: posix_spawn leaves them ignored, and every libc installs its
  // handlers for them when it needs them.
  CHECK((std::stoull(ignored, nullptr, 16) & ~(3ULL << 31)) == 0);
}

TEST_CASE("a child leads a session of its own, has its cwd and environment") {
  SpawnSpec spec;
  spec.cwd = "/usr";
  spec.env = {"COLOUR=blue", "PATH=/usr/bin:/bin"};
  // Field 1 is the pid, 5 the process group, 6 the session.
  std::istringstream words(
      output_of("read pid a b c group session rest < /proc/self/stat; "
                "echo $pid $group $session; pwd; echo $COLOUR$HOME",
                spec));
  pid_t pid = 0, group = 0, session = 0;
  std::string cwd, colour;
  words >> pid >> group >> session >> cwd >> colour;
  CHECK(pid > 0);
  CHECK(pid == group);
  CHECK(pid == session);
  CHECK(cwd == "/usr");
  CHECK(colour == "blue");
}

TEST_CASE("descriptors 0 to 2 can be given in any order") {
  // A process of its own, so that the test program's own stdio stays untouched.
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) ::_exit(10);
    // stdout of ours is now the pipe, and the child is to have it as its stderr; and ours as stdin.
    ::dup2(ends[1], 1);
    ::dup2(::open("/dev/null", O_RDWR | O_CLOEXEC), 2);
    auto child = spawn(
        {.argv = {"/bin/sh", "-c", "echo out; echo err >&2"}, .stdout_fd = 2, .stderr_fd = 1});
    if (!child) ::_exit(11);
    if (!wait_for_end(child->pidfd.get())) ::_exit(12);
    char text[16] = {};
    if (::read(ends[0], text, sizeof text) != 4) ::_exit(13);
    ::_exit(std::string_view(text) == "err\n" ? 0 : 14);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}

TEST_CASE("a failed exec is reported with its reason and leaves nothing") {
  const size_t before = open_fds();
  const auto missing = spawn({.argv = {"/nonexistent/program"}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().sys_errno == ENOENT);
  CHECK(missing.error().message.find("/nonexistent/program") != std::string::npos);
  const auto forbidden = spawn({.argv = {"/etc/passwd"}});
  REQUIRE_FALSE(forbidden);
  CHECK(forbidden.error().sys_errno == EACCES);
  const auto nowhere = spawn({.argv = {"/bin/true"}, .cwd = "/nonexistent"});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().sys_errno == ENOENT);
  CHECK_FALSE(has_children());
  CHECK(open_fds() == before);
}

TEST_CASE("the start time is the kernel's") {
  Pipe hold;
  auto child = spawn({.argv = {"/bin/cat"}, .stdin_fd = hold.read.get()});
  REQUIRE(child);
  std::ifstream stat("/proc/" + std::to_string(child->pid) + "/stat");
  std::string word;
  for (int field = 1; field <= 22; ++field) stat >> word;  // "cat" has no blank in its name
  CHECK(std::to_string(child->start_time_ticks) == word);
  CHECK((::fcntl(child->pidfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(reap(child->pidfd.get()).value() == std::nullopt);
  hold.write.reset();
  REQUIRE(wait_for_end(child->pidfd.get()));
  CHECK(reap(child->pidfd.get()).value() == ExitStatus{});
}

TEST_CASE("a spawned process outlives its parent, and is then watched by somebody else") {
  // The intermediate plays the daemon: it starts a "VMM" and is killed.
  Pipe hold, report;
  const pid_t daemon = ::fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) {
    hold.write.reset();
    auto child = spawn({.argv = {"/bin/cat"}, .stdin_fd = hold.read.get()});
    const pid_t pid = child ? child->pid : -1;
    if (::write(report.write.get(), &pid, sizeof pid) != sizeof pid) ::_exit(1);
    ::raise(SIGKILL);
  }
  hold.read.reset();
  pid_t vmm = -1;
  REQUIRE(::read(report.read.get(), &vmm, sizeof vmm) == sizeof vmm);
  REQUIRE(vmm > 0);
  int status = 0;
  REQUIRE(::waitpid(daemon, &status, 0) == daemon);
  REQUIRE(WIFSIGNALED(status));

  Loop loop;
  bool ended = false;
  auto pidfd = open_pidfd(vmm);
  REQUIRE(pidfd);
  auto watch = ProcessWatch::open(loop, std::move(*pidfd), [&](auto how) {
    CHECK_FALSE(how.has_value());  // not our child: its end is known, its status isn't
    ended = true;
    loop.stop();
  });
  REQUIRE(watch);
  loop.drain();
  CHECK_FALSE(ended);
  CHECK(::kill(vmm, 0) == 0);
  hold.write.reset();  // only now does it end
  run(loop);
  CHECK(ended);
}

TEST_CASE("signals go through the pidfd, and are refused once the process is gone") {
  auto child = spawn({.argv = {"sleep", "1000"}});
  REQUIRE(child);
  CHECK(send_signal(child->pidfd.get(), 0));
  CHECK(send_signal(child->pidfd.get(), SIGKILL));
  REQUIRE(wait_for_end(child->pidfd.get()));
  CHECK(reap(child->pidfd.get()).value() == ExitStatus{.signal = SIGKILL});
  const auto late = send_signal(child->pidfd.get(), SIGKILL);
  REQUIRE_FALSE(late);
  CHECK(late.error().sys_errno == ESRCH);
}

TEST_CASE("a watch reaps our child and says how it ended") {
  Loop loop;
  for (const auto& [script, expected] :
       {std::pair{"exit 3", ExitStatus{.code = 3}},
        std::pair{"kill -TERM $$", ExitStatus{.signal = SIGTERM}}}) {
    auto child = spawn({.argv = {"/bin/sh", "-c", script}});
    REQUIRE(child);
    std::optional<ProcessWatch> watch;
    std::optional<ExitStatus> seen;
    auto opened = ProcessWatch::open(loop, std::move(child->pidfd), [&](auto how) {
      seen = how;
      watch.reset();  // from within its own callback
      loop.stop();
    });
    REQUIRE(opened);
    watch.emplace(std::move(*opened));
    run(loop);
    CHECK(seen == expected);
  }
  CHECK_FALSE(has_children());
}

TEST_CASE("spawning from many threads at once leaks no pipe into a sibling") {
  const size_t before = open_fds();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        const Fd in(ends[0]);
        Fd out(ends[1]);
        auto child = spawn({.argv = {"/bin/echo", "hi"}, .stdout_fd = out.get()});
        out.reset();
        char text[8] = {};
        // Would block for ever if a sibling had inherited the write end.
        if (!child || ::read(in.get(), text, 8) != 3 || ::read(in.get(), text, 8) != 0) return;
        if (!wait_for_end(child->pidfd.get()) || !reap(child->pidfd.get())) return;
        ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 100);
  CHECK(open_fds() == before);
}
