#include "drivers/uv/process.h"

#include <signal.h>

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "drivers/uv/timer.h"
#include "tests/drivers/uv/support.h"

using namespace banger;
using namespace banger::uv;
using banger::uv::test::has_children;
using banger::uv::test::open_fds;
using banger::uv::test::run;

namespace {

ProcessSpec shell(std::string script) {
  return {.argv = {"/bin/sh", "-c", std::move(script)}};
}

ProcessResult result_of(ProcessSpec spec) {
  Loop loop;
  std::optional<ProcessResult> result;
  auto process = Process::start(loop, std::move(spec), [&](ProcessResult r) {
    result = std::move(r);
    loop.stop();
  });
  REQUIRE(process);
  run(loop);
  REQUIRE(result);
  return std::move(*result);
}

// Gone, or dead and waiting for whoever inherited it.
bool is_dead(pid_t pid) {
  if (::kill(pid, 0) != 0) return errno == ESRCH;
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  stat >> number >> name >> state;
  return !stat || state == "Z" || state == "X";
}

}  // namespace

TEST_CASE("output, input, environment and exit code pass through") {
  ProcessSpec spec = shell("cat; echo $WORD >&2; exit 42");
  spec.stdin_bytes = std::string(300'000, 'x') + std::string("\0end", 4);
  spec.env = {"WORD=hello", "PATH=/usr/bin:/bin"};
  const std::string sent = spec.stdin_bytes;
  const ProcessResult result = result_of(std::move(spec));
  CHECK(result.status == ExitStatus{.code = 42});
  CHECK(result.out == sent);
  CHECK(result.err == "hello\n");
  CHECK_FALSE(result.ok());
  CHECK(result_of({.argv = {"true"}}).ok());
}

TEST_CASE("output beyond the bound is dropped and said to be") {
  ProcessSpec spec = shell("head -c 3000000 /dev/zero; head -c 1000 /dev/zero >&2");
  spec.max_output_bytes = 1000;
  const ProcessResult result = result_of(std::move(spec));
  CHECK(result.ok());
  CHECK(result.out.size() == 1000);
  CHECK(result.out_truncated);
  CHECK(result.err.size() == 1000);
  CHECK_FALSE(result.err_truncated);
}

TEST_CASE("a deadline kills the whole group") {
  ProcessSpec spec = shell("trap '' TERM; sleep 1000 & echo $!; wait");
  spec.timeout_ms = 300;
  const ProcessResult result = result_of(std::move(spec));
  CHECK(result.timed_out);
  CHECK(result.status == ExitStatus{.signal = SIGKILL});
  const pid_t grandchild = std::stoi(result.out);
  Loop loop;  // death follows the signal at once, but not within the call
  Timer look(loop, [&] {
    if (is_dead(grandchild)) loop.stop();
  });
  look.start_every(1);
  run(loop);
}

TEST_CASE("what a child leaves running behind neither holds up its end nor survives it") {
  ProcessSpec spec = shell("sleep 1000 & echo $!");
  spec.timeout_ms = 0;
  const ProcessResult result = result_of(std::move(spec));
  CHECK(result.ok());
  const pid_t left = std::stoi(result.out);
  Loop loop;
  Timer look(loop, [&] {
    if (is_dead(left)) loop.stop();
  });
  look.start_every(1);
  run(loop);
}

TEST_CASE("lines come as they are written, the long ones cut") {
  ProcessSpec spec = shell("echo one; echo two >&2; printf '%0500d\\nlast' 7");
  std::vector<std::string> out, err;
  spec.max_line_bytes = 100;
  spec.on_line = [&](Stream stream, std::string_view line) {
    (stream == Stream::kOut ? out : err).emplace_back(line);
  };
  const ProcessResult result = result_of(std::move(spec));
  CHECK(result.out.empty());
  CHECK(out == std::vector<std::string>{"one", std::string(100, '0'), "last"});
  CHECK(err == std::vector<std::string>{"two"});
}

TEST_CASE("a line can be what ends the process") {
  const size_t before = open_fds();
  {
    Loop loop;
    std::optional<Process> process;
    ProcessSpec spec = shell("echo ready; exec sleep 1000");
    spec.on_line = [&](Stream, std::string_view) {
      process.reset();
      loop.stop();
    };
    auto started = Process::start(loop, std::move(spec), [](ProcessResult) { FAIL(); });
    REQUIRE(started);
    process.emplace(std::move(*started));
    run(loop);
  }  // the loop waits for the killed child
  CHECK_FALSE(has_children());
  CHECK(open_fds() == before);
}

TEST_CASE("killing gives a result, dropping doesn't") {
  Loop loop;
  std::optional<ProcessResult> result;
  auto killed = Process::start(loop, {.argv = {"sleep", "1000"}}, [&](ProcessResult r) {
    result = std::move(r);
    loop.stop();
  });
  REQUIRE(killed);
  {
    auto dropped = Process::start(loop, {.argv = {"sleep", "1000"}}, [](ProcessResult) { FAIL(); });
    REQUIRE(dropped);
  }
  killed->kill();
  run(loop);
  CHECK(result->status == ExitStatus{.signal = SIGKILL});
  CHECK_FALSE(result->timed_out);
  killed->kill();  // too late, and harmless
}

TEST_CASE("a failed exec is an error at once") {
  Loop loop;
  const auto process =
      Process::start(loop, {.argv = {"no-such-program-of-banger"}}, [](ProcessResult) { FAIL(); });
  REQUIRE_FALSE(process);
  CHECK(process.error().sys_errno == ENOENT);
}

TEST_CASE("a thousand short children leave no descriptor and no zombie") {
  const size_t before = open_fds();
  {
    Loop loop;
    int done = 0, good = 0, started = 0;
    std::vector<std::optional<Process>> slots(8);
    std::function<void(size_t)> next = [&](size_t slot) {
      if (started == 1000) return;
      auto process = Process::start(loop, {.argv = {"/bin/echo", std::to_string(started)}},
                                    [&, slot, number = started](ProcessResult r) {
                                      good += r.ok() && r.out == std::to_string(number) + "\n";
                                      slots[slot].reset();
                                      if (++done == 1000) return loop.stop();
                                      next(slot);
                                    });
      ++started;
      REQUIRE(process);
      slots[slot].emplace(std::move(*process));
    };
    for (size_t slot = 0; slot < slots.size(); ++slot) next(slot);
    run(loop, 200'000);
    CHECK(good == 1000);
  }
  CHECK_FALSE(has_children());
  CHECK(open_fds() == before);
}
