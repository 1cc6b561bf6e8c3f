#include "tests/bench/private_daemon.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "drivers/host/child.h"
#include "tests/bench/report.h"
#include "tests/stub_image.h"

namespace banger::bench {

PrivateDaemon::PrivateDaemon(std::string dir)
    : dir_(std::move(dir)),
      environment_{"BANGER_SOCKET=" + dir_ + "/run/bangerd.sock", "BANGER_DATA_DIR=" + data_dir()} {
}

Result<std::unique_ptr<PrivateDaemon>> PrivateDaemon::start(const std::string& dir,
                                                            const std::string& config) {
  std::unique_ptr<PrivateDaemon> daemon(new PrivateDaemon(dir + "/daemon"));
  std::filesystem::create_directories(daemon->dir_);
  const std::string file = daemon->dir_ + "/banger.toml";
  std::ofstream(file) << config;
  auto started = daemon->ctl({"--config", file, "daemon", "start"}, std::chrono::seconds(60));
  if (!started) return std::unexpected(std::move(started).error());
  return daemon;
}

PrivateDaemon::~PrivateDaemon() {
  auto stopped = ctl({"--no-autostart", "daemon", "stop"}, std::chrono::seconds(60));
  if (!stopped) Report::progress("the daemon could not be stopped: " + stopped.error().message);
  std::filesystem::remove_all(dir_);
}

Result<std::string> PrivateDaemon::ctl(const std::vector<std::string>& words,
                                       std::chrono::seconds deadline) const {
  return host::run_child_checked(
      {.argv = argv(words), .environment = environment_, .directory = {}, .deadline = deadline});
}

Result<pid_t> PrivateDaemon::pid() const {
  const auto status =
      ctl({"--no-autostart", "daemon", "status", "-o", "json"}, std::chrono::seconds(60));
  if (!status) return std::unexpected(status.error());
  return nlohmann::json::parse(*status).at("pid").get<pid_t>();
}

Result<double> PrivateDaemon::own_mib() const {
  const auto process = pid();
  if (!process) return std::unexpected(process.error());
  std::ifstream status("/proc/" + std::to_string(*process) + "/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib / 1024;
  }
  return fail("the daemon's memory cannot be read");
}

Status PrivateDaemon::import_stub_image(const std::string& name) const {
  const std::string source = dir_ + "/" + name;
  BANGER_TRY(test::write_stub_image(source));
  const auto imported = ctl({"--no-autostart", "image", "import", name, source}, std::chrono::minutes(1));
  if (!imported) return std::unexpected(imported.error());
  return {};
}

std::vector<std::string> PrivateDaemon::argv(const std::vector<std::string>& words) {
  std::vector<std::string> argv{BANGER_BIN_DIR "/bangerctl"};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Result<pid_t> spawn(const std::vector<std::string>& argv,
                    const std::vector<std::string>& environment, int out, int err) {
  std::vector<char*> words;
  std::vector<char*> variables;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& each : environment) variables.push_back(const_cast<char*>(each.c_str()));
  for (char** each = environ; *each != nullptr; ++each) variables.push_back(*each);
  words.push_back(nullptr);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, err, 2);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, words[0], &actions, nullptr, words.data(), variables.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno("start " + argv[0], error);
  return child;
}

Status await_success(pid_t child, const std::string& what) {
  int status = 0;
  while (::wait4(child, &status, 0, nullptr) < 0) {
    if (errno != EINTR) return fail_errno("wait for " + what, errno);
  }
  if (status != 0) return fail(what + " did not end well: status " + std::to_string(status));
  return {};
}

}  // namespace banger::bench
