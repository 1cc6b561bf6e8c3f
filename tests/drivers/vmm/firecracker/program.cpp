// banger-stand-in-firecracker: a process that stands in for Firecracker in tests of everything around one: its argv, its
// API with all that stand_in.h holds requests to, the files and pipes that it is told of, its console on stdout, its
// last words, its exit codes. It boots nothing. Never outlives --max-seconds, so that a leaked one ends by itself.
//
//   --api-sock PATH --id NAME, and what the jailer adds (--start-time-us N, --start-time-cpu-us N, --parent-cpu-time-us N)
//
// In BANGER_STAND_IN_FIRECRACKER, blank-separated, for callers that don't make the argv:
//   --start-delay-ms N       before it listens
//   --die-at-start           ends with a complaint before it listens
//   --refuse N               call N (from 0) is refused with 400
//   --die-at N               ends when call N comes in, without an answer
//   --hold N                 call N gets no answer
//   --ignore-ctrl-alt-del    a guest that does not obey
//   --max-seconds N          600
//
// SIGUSR1: the guest switches itself off.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "tests/drivers/vmm/firecracker/stand_in.h"

namespace {

using banger::Fd;
using namespace banger::test;

struct Options {
  std::string api_socket;
  std::string id;
  unsigned start_delay_ms = 0;
  unsigned max_seconds = 600;
  bool die_at_start = false;
  bool ignore_ctrl_alt_del = false;
  std::size_t die_at = SIZE_MAX;
  Misbehaviour misbehaviour;
};

// As Firecracker does for what it does not know: exit code 153 and a complaint.
[[noreturn]] void bad_argument(const std::string& word) {
  std::fprintf(stderr, "Arguments parsing error: Found argument '%s' which wasn't expected\n", word.c_str());
  std::exit(153);
}

void take_argv(const std::vector<std::string>& words, Options& options) {
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size()) bad_argument(words[i]);
    if (words[i] == "--api-sock") {
      options.api_socket = words[i + 1];
    } else if (words[i] == "--id") {
      options.id = words[i + 1];
    } else if (words[i] != "--start-time-us" && words[i] != "--start-time-cpu-us" && words[i] != "--parent-cpu-time-us") {
      bad_argument(words[i]);
    }
  }
}

void take_environment(Options& options) {
  const char* text = std::getenv("BANGER_STAND_IN_FIRECRACKER");
  std::istringstream words(text ? text : "");
  const auto number = [&words] {
    std::size_t value = 0;
    if (!(words >> value)) bad_argument("BANGER_STAND_IN_FIRECRACKER");
    return value;
  };
  for (std::string word; words >> word;) {
    if (word == "--start-delay-ms") options.start_delay_ms = static_cast<unsigned>(number());
    else if (word == "--max-seconds") options.max_seconds = static_cast<unsigned>(number());
    else if (word == "--die-at-start") options.die_at_start = true;
    else if (word == "--ignore-ctrl-alt-del") options.ignore_ctrl_alt_del = true;
    else if (word == "--die-at") options.die_at = number();
    else if (word == "--refuse") options.misbehaviour = {Misbehaviour::Kind::kRefuse, number()};
    else if (word == "--hold") options.misbehaviour = {Misbehaviour::Kind::kHold, number()};
    else bad_argument(word);
  }
}

// What Firecracker does with what it is told.
class Machine {
 public:
  Machine(const Options& options, int ended) : options_(options), ended_(ended) {}

  std::string obey(const Verdict& request) {
    if (calls_++ == options_.die_at) {
      std::fputs("Error: the test wants it to die\n", stderr);
      ::_exit(1);
    }
    const auto& body = request.body;
    if (request.operation == "PUT /boot-source") {
      if (auto fault = opens(body["kernel_image_path"], O_RDONLY); !fault.empty()) return fault;
      return body.contains("initrd_path") ? opens(body["initrd_path"], O_RDONLY) : "";
    }
    if (request.operation == "PUT /drives/{drive_id}") {
      return opens(body["path_on_host"], body["is_read_only"].get<bool>() ? O_RDONLY : O_RDWR);
    }
    if (request.operation == "PUT /logger") return writes(body["log_path"], log_);
    if (request.operation == "PUT /metrics") return writes(body["metrics_path"], metrics_);
    if (request.operation == "PUT /actions") act(body["action_type"]);
    return "";
  }

  [[noreturn]] void end() {
    say(log_, "[anonymous-instance:main:INFO] Firecracker exiting successfully. exit_code=0\n");
    ::_exit(0);
  }

 private:
  static std::string opens(const std::string& path, int flags) {
    const Fd file(::open(path.c_str(), flags | O_CLOEXEC));
    return file ? "" : "cannot be opened: " + path + ": " + std::strerror(errno);
  }
  static std::string writes(const std::string& path, Fd& file) {
    file.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    return file ? "" : "cannot be written: " + path + ": " + std::strerror(errno);
  }
  static void say(const Fd& file, std::string_view words) {
    if (file) (void)!::write(file.get(), words.data(), words.size());
  }
  void act(const std::string& action) {
    if (action == "InstanceStart") {
      say(log_, "[anonymous-instance:main:INFO] Running Firecracker v1.17.0-dev\n");
      say(metrics_, "{\"utc_timestamp_ms\":1}\n");
      constexpr std::string_view kHello = "banger-stand-in-firecracker: up\r\n";
      (void)!::write(STDOUT_FILENO, kHello.data(), kHello.size());
    }
    if (action == "SendCtrlAltDel" && !options_.ignore_ctrl_alt_del) {
      const std::uint64_t one = 1;
      (void)!::write(ended_, &one, sizeof one);
    }
  }

  const Options& options_;
  const int ended_;
  std::size_t calls_ = 0;
  Fd log_, metrics_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  take_argv({argv + 1, argv + argc}, options);
  take_environment(options);
  ::alarm(options.max_seconds);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t off;
  sigemptyset(&off);
  sigaddset(&off, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &off, nullptr);
  const Fd signals(::signalfd(-1, &off, SFD_CLOEXEC));
  const Fd ended(::eventfd(0, EFD_CLOEXEC));
  pollfd before{signals.get(), POLLIN, 0};
  (void)::poll(&before, 1, static_cast<int>(options.start_delay_ms));
  if (options.die_at_start) {
    std::fputs("Error: the test wants it to die\n", stderr);
    return 1;
  }
  Machine machine(options, ended.get());
  const StandIn stand_in(options.api_socket, options.id, options.misbehaviour,
                         [&](const Verdict& request) { return machine.obey(request); });
  pollfd waits[] = {{signals.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}};
  while (::poll(waits, 2, -1) < 0) {
  }
  machine.end();
}
