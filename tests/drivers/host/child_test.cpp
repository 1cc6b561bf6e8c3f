#include "drivers/host/child.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using banger::host::ChildSpec;
using banger::host::run_child;
using banger::host::run_child_checked;

namespace {

ChildSpec shell(std::string script) {
  ChildSpec spec;
  spec.argv = {"sh", "-c", std::move(script)};
  return spec;
}

// The pid that a script wrote to `path`, gone or about to be reaped by init.
bool is_gone(const std::string& path) {
  std::ifstream file(path);
  pid_t pid = 0;
  file >> pid;
  REQUIRE(pid > 1);
  for (int i = 0; i < 500; ++i) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(stat, line);
    auto paren = line.rfind(')');
    if (paren == std::string::npos || line.substr(paren, 3) == ") Z") return true;
    ::usleep(10'000);
  }
  return false;
}

}  // namespace

TEST_CASE("a child's output, lines and exit code come back") {
  std::vector<std::string> lines;
  auto result = run_child(shell("echo one; echo two >&2; printf three; exit 42"),
                          [&](std::string_view line) { lines.emplace_back(line); });
  REQUIRE(result);
  CHECK(result->exit_code == 42);
  CHECK(result->out == "one\nthree");
  CHECK(result->err == "two\n");
  CHECK(lines == std::vector<std::string>{"one", "three"});
}

TEST_CASE("a child killed by a signal is told from one that exits") {
  auto result = run_child(shell("kill -TERM $$"));
  REQUIRE(result);
  CHECK(result->exit_code == 128 + SIGTERM);
}

TEST_CASE("a failed child's last complaint is in the error") {
  auto result = run_child_checked(shell("echo noise >&2; echo no space left >&2; exit 3"));
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "sh failed (exit code 3): no space left");
}

TEST_CASE("a program that is not there is an error") {
  ChildSpec spec;
  spec.argv = {"/nonexistent/program"};
  auto result = run_child(spec);
  REQUIRE_FALSE(result);
  CHECK(result.error().sys_errno == ENOENT);
}

TEST_CASE("more output than is kept neither blocks the child nor grows without bound") {
  auto result = run_child(shell("head -c 3000000 /dev/zero; echo end"));
  REQUIRE(result);
  CHECK(result->exit_code == 0);
  CHECK(result->out.size() == banger::host::kMaxOutputBytes);
  CHECK(result->out.ends_with("end\n"));
}

TEST_CASE("a line without end arrives in bounded pieces") {
  std::size_t longest = 0;
  std::size_t total = 0;
  auto result = run_child(shell("head -c 100000 /dev/zero"), [&](std::string_view line) {
    longest = std::max(longest, line.size());
    total += line.size();
  });
  REQUIRE(result);
  CHECK(longest == banger::host::kMaxLineBytes);
  CHECK(total == 100000);
}

TEST_CASE("a deadline ends the child and all its descendants") {
  banger::test::TempDir dir;
  auto spec = shell("sleep 1000 & echo $! > pid; wait");
  spec.directory = dir.path();
  spec.deadline = std::chrono::milliseconds(300);
  auto result = run_child(spec);
  REQUIRE_FALSE(result);
  CHECK(result.error().sys_errno == ETIMEDOUT);
  CHECK(is_gone(dir / "pid"));
}

TEST_CASE("what a child leaves running ends with it, even if it holds its output open") {
  banger::test::TempDir dir;
  auto spec = shell("sleep 1000 & echo $! > pid");
  spec.directory = dir.path();
  auto result = run_child(spec);
  REQUIRE(result);
  CHECK(result->exit_code == 0);
  CHECK(is_gone(dir / "pid"));
}

TEST_CASE("cancelling ends the child") {
  std::atomic<bool> cancelled = false;
  auto spec = shell("echo up; sleep 1000");
  spec.cancelled = &cancelled;
  auto result = run_child(spec, [&](std::string_view) { cancelled = true; });
  REQUIRE_FALSE(result);
  CHECK(result.error().sys_errno == ECANCELED);
}

TEST_CASE("no descriptor of ours reaches the child, and none is left with us") {
  auto count = [] {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      ++n;
    return n;
  };
  const auto before = count();
  // ls has 0, 1, 2 and the directory that it reads.
  auto result = run_child_checked(shell("exec ls /proc/self/fd | wc -l"));
  REQUIRE(result);
  CHECK(std::stoi(*result) == 4);
  CHECK(count() == before);
}

TEST_CASE("the environment of the spec wins over ours") {
  auto spec = shell("echo $HOME $BANGER_TEST");
  spec.environment = {"HOME=/elsewhere", "BANGER_TEST=yes"};
  auto result = run_child_checked(spec);
  REQUIRE(result);
  CHECK(*result == "/elsewhere yes\n");
}
