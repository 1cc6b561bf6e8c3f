// The stand-in for QEMU is held to what the real one does, through the client that talks to the
// real one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include <fstream>

#include "drivers/vmm/qemu_argv.h"
#include "drivers/vmm/qmp_client.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/support/child.h"

namespace banger::vmm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::Child;
using test::TempDir;

// Waits for a file to be made in a directory; the watch must be older than the file.
class Watch {
 public:
  explicit Watch(const std::string& directory) : fd_(::inotify_init1(IN_CLOEXEC)) {
    ::inotify_add_watch(fd_, directory.c_str(), IN_CREATE);
  }
  ~Watch() { ::close(fd_); }
  void await(const std::string& path) const {
    while (!fs::exists(path)) {
      pollfd fd{fd_, POLLIN, 0};
      REQUIRE(::poll(&fd, 1, 60'000) == 1);
      char events[4096];
      REQUIRE(::read(fd_, events, sizeof events) > 0);
    }
  }

 private:
  int fd_;
};

// A port of the loopback that was free a moment ago.
std::uint16_t free_port() {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string first_words(std::uint16_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(port),
                      .sin_addr = {htonl(INADDR_LOOPBACK)},
                      .sin_zero = {}};
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  char bytes[64];
  ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
  ::close(fd);
  return {bytes, got > 0 ? static_cast<std::size_t>(got) : 0};
}

// As QEMU, the stand-in opens what its guest would boot from.
std::string disk_in(const TempDir& dir) {
  const std::string path = dir / "disk";
  std::ofstream file(path);
  return path;
}

struct Running {
  TempDir dir;
  QemuSpec spec{.vm = VmId{0xabc},
                .kernel = "/none",
                .disk = disk_in(dir),
                .forwards = {},
                .api_socket = dir / "api.sock",
                .pidfile = dir / "pid",
                .console = dir / "console"};
  Watch watch{dir.path()};
  std::optional<Child> child;

  std::optional<QmpClient> start(const std::vector<std::string>& more = {}) {
    auto argv = qemu_argv(spec);
    argv.insert(argv.end(), more.begin(), more.end());
    child.emplace(STUB_VMM, argv);
    watch.await(spec.pidfile);
    watch.await(spec.api_socket);
    for (;;) {
      auto client = QmpClient::connect(spec.api_socket, 60s);
      if (client) return *std::move(client);
      // Between bind and listen the socket is there and refuses; one left over is removed before
      // that.
      int error = client.error().sys_errno;
      REQUIRE((error == ECONNREFUSED || error == ENOENT));
      REQUIRE(child->running());
    }
  }
  void left_nothing() {
    CHECK_FALSE(fs::exists(spec.api_socket));
    CHECK_FALSE(fs::exists(spec.pidfile));
  }
};

TEST_CASE("the stub takes QEMU's argv, and goes down when the guest is asked to") {
  Running stub;
  std::uint16_t port = free_port();
  stub.spec.forwards = {{"127.0.0.1", port, 22}};
  auto client = stub.start();
  CHECK(client->query_status(60s).value() == "running");
  std::ifstream pidfile(stub.spec.pidfile);
  int pid = 0;
  pidfile >> pid;
  CHECK(pid == stub.child->pid());
  CHECK(first_words(port) == "SSH-2.0-stub\r\n");
  REQUIRE(client->system_powerdown(60s));
  auto shutdown = client->await_shutdown(60s);
  REQUIRE(shutdown);
  CHECK(*shutdown == Shutdown{true, "guest-shutdown"});
  CHECK(stub.child->exit_code() == 0);
  stub.left_nothing();
}

TEST_CASE("the stub ends at quit and at SIGTERM, and says who did it") {
  Running stub;
  auto client = stub.start();
  SECTION("quit") {
    REQUIRE(client->quit(60s));
    CHECK(client->await_shutdown(60s).value() == Shutdown{false, "host-qmp-quit"});
  }
  SECTION("SIGTERM") {
    stub.child->kill(SIGTERM);
    CHECK(client->await_shutdown(60s).value() == Shutdown{false, "host-signal"});
  }
  CHECK(stub.child->exit_code() == 0);
  stub.left_nothing();
}

TEST_CASE(
    "a stub that ignores the power button lives on; SIGKILL leaves its files, and a new one starts "
    "over them") {
  Running stub;
  auto client = stub.start({"--ignore-powerdown"});
  REQUIRE(client->system_powerdown(60s));
  CHECK(client->query_status(60s).value() == "running");
  stub.child->kill(SIGKILL);
  stub.child->wait();
  CHECK(fs::exists(stub.spec.api_socket));
  client.reset();
  fs::remove(stub.spec.pidfile);
  auto again = stub.start();
  CHECK(again->query_status(60s).value() == "running");
}

TEST_CASE("one client at a time: the next is served when the first has gone") {
  Running stub;
  auto first = stub.start();
  CHECK(QmpClient::connect(stub.spec.api_socket, 50ms).error().sys_errno == ETIMEDOUT);
  first.reset();
  auto second = QmpClient::connect(stub.spec.api_socket, 60s);
  REQUIRE(second);
  CHECK(second->query_status(60s).value() == "running");
}

TEST_CASE("a port that is taken ends the stub, in QEMU's words") {
  Running stub;
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  stub.spec.forwards = {{"127.0.0.1", ntohs(address.sin_port), 22}};
  Child child(STUB_VMM, qemu_argv(stub.spec), stub.dir / "said");
  CHECK(child.exit_code() == 1);
  std::ifstream said(stub.dir / "said");
  std::string text{std::istreambuf_iterator<char>(said), {}};
  CHECK_THAT(text, Catch::Matchers::Contains("Could not set up host forwarding rule"));
  ::close(fd);
}

TEST_CASE("a leaked stub ends by itself") {
  TempDir dir;
  Child child(STUB_VMM, {"stub", "--api-sock", dir / "api.sock", "--max-seconds", "1"});
  CHECK(WTERMSIG(child.wait()) == SIGALRM);
}

}  // namespace
}  // namespace banger::vmm
