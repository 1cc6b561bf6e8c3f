#include "tests/drivers/guest/ssh_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "drivers/guest/banner_probe.h"
#include "events/assert.h"

namespace banger::guest {
namespace {

void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Root enters a mount namespace; anybody else gets one through a user namespace, and becomes
// himself again in a second one, because dropbear as a namespace's root would have to change
// groups.
constexpr const char* kLaunch = R"sh(
if [ "$(id -u)" = 0 ]; then
  exec unshare -m /bin/sh -c 'mount --bind "$0" /etc/passwd && exec dropbear "$@"' "$@"
fi
u=$(id -u) g=$(id -g)
exec unshare -Urm /bin/sh -c '
  u=$1 g=$2; shift 2
  mount --bind "$0" /etc/passwd && exec unshare -U --map-user="$u" --map-group="$g" dropbear "$@"
' "$1" "$u" "$g" "${@:2}"
)sh";

}  // namespace

TempDir::TempDir() : path_("/tmp/banger-test-XXXXXX") {
  BANGER_ASSERT(::mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SilentServer::SilentServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  BANGER_ASSERT(::bind(fd_, generic, size) == 0 && ::listen(fd_, 8) == 0);
  BANGER_ASSERT(::getsockname(fd_, generic, &size) == 0);
  port_ = ntohs(address.sin_port);
}

SilentServer::~SilentServer() {
  ::close(fd_);
}

SshServer::SshServer() : home_(dir_.path() + "/home") {
  host_ = make_key_pair("host").value();
  client_ = make_key_pair("client").value();
  ::mkdir(home_.c_str(), 0700);
  ::mkdir((home_ + "/.ssh").c_str(), 0700);
  const std::string host_file = dir_.path() + "/host_key";
  BANGER_ASSERT(write_private_file(host_file, host_.private_dropbear).has_value());
  BANGER_ASSERT(
      write_private_file(home_ + "/.ssh/authorized_keys", client_.public_line + "\n").has_value());
  const passwd* me = ::getpwuid(::getuid());
  BANGER_ASSERT(me != nullptr);
  user_ = me->pw_name;
  const std::string passwd_file = dir_.path() + "/passwd";
  write_file(passwd_file, user_ + ":x:" + std::to_string(::getuid()) + ":" +
                              std::to_string(::getgid()) + "::" + home_ +
                              ":/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n");
  port_ = SilentServer().port();  // free again once the temporary has gone
  const std::string address = "127.0.0.1:" + std::to_string(port_);
  const std::string log = dir_.path() + "/log";
  pid_ = ::fork();
  BANGER_ASSERT(pid_ >= 0);
  if (pid_ == 0) {
    int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execlp("bash", "bash", "-c", kLaunch, "banger-test", passwd_file.c_str(), "-F", "-E", "-s",
             "-p", address.c_str(), "-r", host_file.c_str(), "-P", "", nullptr);
    ::_exit(127);
  }
  auto up =
      wait_for_ssh("127.0.0.1", port_, std::chrono::steady_clock::now() + std::chrono::seconds(60));
  BANGER_ASSERT(up.has_value());
}

SshServer::~SshServer() {
  stop();
}

void SshServer::stop() {
  if (pid_ < 0) return;
  drop_connections();
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

SshTarget SshServer::target() const {
  return {"127.0.0.1", port_, user_, client_.private_openssh, host_.public_line};
}

std::string SshServer::log() const {
  std::stringstream content;
  content << std::ifstream(dir_.path() + "/log").rdbuf();
  return content.str();
}

void SshServer::drop_connections() const {
  const auto self = std::to_string(pid_);
  std::ifstream children("/proc/" + self + "/task/" + self + "/children");
  for (pid_t child; children >> child;) ::kill(child, SIGKILL);
}

}  // namespace banger::guest
