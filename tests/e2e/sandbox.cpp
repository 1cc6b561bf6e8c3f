#include "tests/e2e/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/catch.h"
#include "tests/stub_image.h"

extern char** environ;

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // a file of a process that has just ended cannot be read, and is empty
  return std::move(text).str();
}

int memory_file(const std::string& content) {
  int fd = ::memfd_create("test", MFD_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

std::string read_back(int fd) {
  std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
  ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  ::close(fd);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

pid_t launch(const std::vector<std::string>& argv, const std::vector<std::string>& env, int in, int out, int err) {
  std::vector<char*> words, variables;
  for (const std::string& each : argv) words.push_back(const_cast<char*>(each.c_str()));
  words.push_back(nullptr);
  for (const std::string& each : env) variables.push_back(const_cast<char*>(each.c_str()));
  for (char** each = environ; *each; ++each) variables.push_back(*each);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t child = -1;
  int failed = ::posix_spawn(&child, words[0], &actions, nullptr, words.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE(failed == 0);
  return child;
}

Ran run(const std::vector<std::string>& argv, const std::vector<std::string>& env, const std::string& input) {
  int in = memory_file(input), out = memory_file(""), err = memory_file("");
  pid_t child = launch(argv, env, in, out, err);
  Ran ran{.code = Sandbox::finish(child)};
  ::close(in);
  ran.out = read_back(out);
  ran.err = read_back(err);
  return ran;
}

std::string new_directory() {
  std::string made = "/tmp/banger-e2e-XXXXXX";
  REQUIRE(::mkdtemp(made.data()) != nullptr);
  return made;
}

}  // namespace

bool eventually(const std::function<bool()>& holds) {
  auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

Sandbox::Sandbox(const std::string& config) : Sandbox(config, {{}, BANGER_BIN_DIR, {}}) {}

Sandbox::Sandbox(const std::string& config, Place place) : place_(std::move(place)) {
  if (place_.dir.empty()) place_.dir = new_directory();
  fs::create_directories(dir());
  std::ofstream(dir() + "/banger.toml") << config;
}

Sandbox::~Sandbox() {
  if (!left_) (void)leave();
}

std::vector<std::string> Sandbox::environment() const {
  std::vector<std::string> variables{"BANGER_SOCKET=" + dir() + "/run/bangerd.sock", "BANGER_DATA_DIR=" + data()};
  variables.insert(variables.end(), place_.environment.begin(), place_.environment.end());
  return variables;
}

std::vector<std::string> Sandbox::words_of(const std::vector<std::string>& words) const {
  std::vector<std::string> argv{place_.bin + "/bangerctl", "--config", dir() + "/banger.toml"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Ran Sandbox::ctl(const std::vector<std::string>& words, const std::string& input) const {
  return run(words_of(words), environment(), input);
}

Ran Sandbox::shell(const std::string& line) const {
  return run({"/bin/sh", "-c", "PATH=" + place_.bin + ":$PATH; cd '" + dir() + "'; exec 2>&1; " + line}, environment(), "");
}

pid_t Sandbox::begin(const std::vector<std::string>& words, const std::string& log) const {
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  pid_t child = launch(words_of(words), environment(), null, out, out);
  ::close(null);
  ::close(out);
  return child;
}

int Sandbox::finish(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

nlohmann::json Sandbox::json(std::vector<std::string> words) const {
  words.insert(words.end(), {"-o", "json"});
  Ran ran = ctl(words);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return nlohmann::json::parse(ran.out);
}

pid_t Sandbox::daemon() const {
  int lock = ::open((data() + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return 0;
  bool taken = ::flock(lock, LOCK_EX | LOCK_NB) != 0;
  std::string pid = slurp(data() + "/lock");
  ::close(lock);
  return taken && !pid.empty() ? std::stoi(pid) : 0;
}

void Sandbox::kill_daemon() const {
  pid_t pid = daemon();
  if (pid == 0) return;
  int hold = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (hold < 0) return;
  ::syscall(SYS_pidfd_send_signal, hold, SIGKILL, nullptr, 0);
  pollfd ended{.fd = hold, .events = POLLIN, .revents = 0};
  ::poll(&ended, 1, 10'000);
  ::close(hold);
}

std::map<pid_t, std::string> Sandbox::processes() const {
  std::map<pid_t, std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::string name = entry.path().filename();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::string argv = slurp(entry.path() / "cmdline");
    if (argv.find(dir()) == std::string::npos) continue;
    found[std::stoi(name)] = fs::path(argv.substr(0, argv.find('\0'))).filename();
  }
  return found;
}

std::vector<pid_t> Sandbox::processes_of(const std::string& program) const {
  std::vector<pid_t> pids;
  for (const auto& [pid, name] : processes()) {
    if (name == program) pids.push_back(pid);
  }
  return pids;
}

void Sandbox::make_stub_image(const std::string& name) const {
  std::string source = dir() + "/image";
  REQUIRE(test::write_stub_image(source));
  Ran imported = ctl({"image", "import", name, source});
  INFO(imported.err);
  REQUIRE(imported.code == 0);
}

std::string Sandbox::leave() {
  left_ = true;
  Ran stopped = ctl({"daemon", "stop"});
  std::string complaints;
  (void)eventually([&] { return daemon() == 0; });
  if (daemon() != 0) complaints += "the daemon does not stop: " + stopped.err;
  for (const auto& [pid, name] : processes()) {
    complaints += "process " + std::to_string(pid) + " (" + name + ") is left\n";
    ::kill(pid, SIGKILL);  // one of ours: its argv names a directory that this test made
  }
  std::error_code error;
  for (const auto& vm : fs::directory_iterator(data() + "/vms", error)) {
    complaints += vm.path().string() + " is left\n";
  }
  if (!complaints.empty()) complaints += slurp(data() + "/bangerd.log");
  fs::remove_all(dir(), error);
  return complaints;
}

}  // namespace banger::e2e
