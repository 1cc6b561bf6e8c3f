#include "tests/cli/bangerctl/support.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace banger::ctl::test {
namespace {

void redirect(const std::string& path, int flags, int to) {
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(99);
  ::close(fd);
}

// The daemon is nobody's child here, so its end is awaited by its pidfd.
void end_process(pid_t pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;
  ::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
  pollfd waiting{fd, POLLIN, 0};
  ::poll(&waiting, 1, 10'000);
  ::close(fd);
}

}  // namespace

Place::Place() {
  std::string name = "/tmp/ctl-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  dir_ = name;
  REQUIRE(::mkdir(path("data").c_str(), 0700) == 0);
}

Place::~Place() {
  end_daemons();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void Place::end_daemons() const {
  for (const std::string& line : lines("pids")) end_process(std::stoi(line));
  std::filesystem::remove(data("pids"));
}

pid_t Place::start(const std::string& name, std::vector<std::string> words,
                   const std::string& input) const {
  std::ofstream(path(name + ".in")) << input;
  words.insert(words.begin(), std::string(CTL_BIN) + "/bangerctl");
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid != 0) return pid;
  ::setpgid(0, 0);
  redirect(path(name + ".in"), O_RDONLY, 0);
  redirect(path(name + ".out"), O_WRONLY | O_CREAT | O_TRUNC, 1);
  redirect(path(name + ".err"), O_WRONLY | O_CREAT | O_TRUNC, 2);
  ::setenv("BANGER_SOCKET", path("sock").c_str(), 1);
  ::setenv("BANGER_DATA_DIR", path("data").c_str(), 1);
  ::setenv("STUB_DATA", path("data").c_str(), 1);
  ::setenv("STUB_GUEST_CALL", path("call").c_str(), 1);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(98);
}

Ran Place::finish(const std::string& name, pid_t pid) const {
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, text(path(name + ".out")), text(path(name + ".err"))};
}

Ran Place::run(std::vector<std::string> words, const std::string& input) const {
  return finish("run", start("run", std::move(words), input));
}

void Place::touch(const std::string& path) const {
  std::ofstream{path};
}

std::string Place::text(const std::string& path) const {
  std::ifstream in(path);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

std::vector<std::string> Place::lines(const std::string& name) const {
  std::ifstream in(data(name));
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

int Place::listen_in_silence() const {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path("sock").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd, 8) == 0);
  return fd;
}

}  // namespace banger::ctl::test
