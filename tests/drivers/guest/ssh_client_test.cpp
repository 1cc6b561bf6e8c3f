// The client against a real dropbear.
#include "drivers/guest/ssh_client.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "drivers/guest/banner_probe.h"
#include "tests/catch.h"
#include "tests/drivers/guest/child.h"
#include "tests/drivers/guest/ssh_server.h"

using namespace banger::guest;
using std::chrono::seconds;

namespace {

Deadline within(seconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::string read_file(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

// A server that answers each connection with `bytes` and then stays silent.
class Speaker {
 public:
  explicit Speaker(std::string bytes)
      : thread_([this, said = std::move(bytes)] {
          for (;;) {
            int fd = ::accept(server_.fd(), nullptr, nullptr);
            if (fd < 0) return;
            (void)::send(fd, said.data(), said.size(), MSG_NOSIGNAL);
            char byte;
            while (::recv(fd, &byte, 1, 0) > 0) {
            }
            ::close(fd);
          }
        }) {}
  ~Speaker() {
    ::shutdown(server_.fd(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] uint16_t port() const { return server_.port(); }

 private:
  SilentServer server_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("commands: output, codes, input, limits") {
  SshServer server;
  size_t before = open_descriptors();
  {
    auto session = SshSession::connect(server.target(), within(seconds(60)));
    REQUIRE(session);
    auto result = run(*session, "echo out; echo err >&2; exit 42", {}, 100, within(seconds(60)));
    REQUIRE(result);
    CHECK(result->code == 42);
    CHECK(result->out == "out\n");
    CHECK(result->err == "err\n");
    CHECK_FALSE(result->truncated);
    std::string bytes;
    for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * 7 % 256);
    result = run(*session, "cat", bytes, 1 << 20, within(seconds(60)));
    REQUIRE(result);
    CHECK(result->out == bytes);
    result = run(*session, "wc -c", bytes, 100, within(seconds(60)));  // input without output
    REQUIRE(result);
    CHECK(result->out == "300000\n");
    result = run(*session, "head -c 1000000 /dev/zero", {}, 1000, within(seconds(60)));
    REQUIRE(result);
    CHECK(result->out.size() == 1000);
    CHECK(result->truncated);
    result = run(*session, "exit 3", bytes, 100, within(seconds(60)));  // nobody reads the input
    REQUIRE(result);
    CHECK(result->code == 3);
    result = run(*session, "kill -9 $$", {}, 100, within(seconds(60)));
    REQUIRE(result);
    CHECK(result->code == 137);
    auto late = run(*session, "echo $$ >pid; exec sleep 300", {}, 100, within(seconds(1)));
    REQUIRE_FALSE(late);
    CHECK(late.error().fault == SshFault::timed_out);
    CHECK(run(*session, "kill $(cat pid)", {}, 100, within(seconds(60)))->code == 0);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("upload is whole, with its mode, or not at all") {
  SshServer server;
  auto session = SshSession::connect(server.target(), within(seconds(60)));
  REQUIRE(session);
  std::string bytes(200'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i % 251);
  const std::string path = server.home() + "/it's a\nfile";
  REQUIRE(upload_file(*session, path, 0640, bytes, within(seconds(60))));
  CHECK(read_file(path) == bytes);
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  REQUIRE(upload_file(*session, path, 0600, {}, within(seconds(60))));
  CHECK(read_file(path).empty());
  auto refused = upload_file(*session, server.home() + "/none/x", 0600, bytes, within(seconds(60)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == SshFault::refused);
  std::filesystem::directory_iterator files(server.home());
  CHECK(std::distance(begin(files), end(files)) == 2);  // .ssh and the file: nothing half
}

TEST_CASE("another host key is refused before anything is said") {
  SshServer server;
  auto target = server.target();
  target.host_key = make_key_pair("other").value().public_line;
  auto session = SshSession::connect(target, within(seconds(60)));
  REQUIRE_FALSE(session);
  CHECK(session.error().fault == SshFault::wrong_host_key);
  CHECK(server.log().find("Pubkey auth") == std::string::npos);
  CHECK(server.log().find("user '") == std::string::npos);
  target.host_key = "ssh-rsa AAAA";
  CHECK(SshSession::connect(target, within(seconds(60))).error().fault == SshFault::bad_key);
}

TEST_CASE("another client key is refused, and a bad one is told") {
  SshServer server;
  auto target = server.target();
  target.private_key = make_key_pair("other").value().private_openssh;
  CHECK(SshSession::connect(target, within(seconds(60))).error().fault == SshFault::auth_refused);
  target.private_key = "not a key";
  CHECK(SshSession::connect(target, within(seconds(60))).error().fault == SshFault::bad_key);
}

TEST_CASE("the user's own ssh configuration has no say") {
  SshServer server;
  TempDir home;
  const std::string marker = home.path() + "/ran";
  std::filesystem::create_directory(home.path() + "/.ssh");
  std::ofstream(home.path() + "/.ssh/config")
      << "Host *\n  Port 1\n  User nobody\n  ProxyCommand touch " << marker << "\n";
  std::ofstream(home.path() + "/.ssh/known_hosts") << "127.0.0.1 ssh-rsa AAAA\n";
  const std::string before = std::getenv("HOME") ? std::getenv("HOME") : "";
  ::setenv("HOME", home.path().c_str(), 1);
  auto session = SshSession::connect(server.target(), within(seconds(60)));
  ::setenv("HOME", before.c_str(), 1);
  CHECK(session);
  CHECK_FALSE(std::filesystem::exists(marker));
}

TEST_CASE("servers that stall, speak rubbish or are not there") {
  auto target = [](uint16_t port) {
    auto pair = make_key_pair("x").value();
    return SshTarget{"127.0.0.1", port, "root", pair.private_openssh, pair.public_line};
  };
  size_t before = open_descriptors();
  {
    SilentServer silent;
    CHECK(SshSession::connect(target(silent.port()), within(seconds(1))).error().fault ==
          SshFault::no_banner);
    Speaker banner("SSH-2.0-stalls\r\n");
    CHECK(SshSession::connect(target(banner.port()), within(seconds(1))).error().fault ==
          SshFault::timed_out);
    Speaker rubbish("HTTP/1.1 400 Bad Request\r\n\r\n");
    CHECK_FALSE(SshSession::connect(target(rubbish.port()), within(seconds(1))));
    Speaker endless(std::string(100'000, 'x'));
    CHECK_FALSE(SshSession::connect(target(endless.port()), within(seconds(1))));
  }
  uint16_t nobody = SilentServer().port();
  CHECK(SshSession::connect(target(nobody), within(seconds(1))).error().fault ==
        SshFault::unreachable);
  auto named = target(nobody);
  named.host = "localhost.invalid";
  CHECK(SshSession::connect(named, within(seconds(1))).error().fault == SshFault::unreachable);
  CHECK(open_descriptors() == before);
}

TEST_CASE("wait_for_ssh waits for the banner and not for the connection") {
  SshServer server;
  CHECK(wait_for_ssh("127.0.0.1", server.target().port, within(seconds(60)))
            ->starts_with("SSH-2.0-"));
  SilentServer silent;
  auto result = wait_for_ssh("127.0.0.1", silent.port(), within(seconds(2)));
  REQUIRE_FALSE(result);
  CHECK(result.error().message.find("no ssh server spoke") != std::string::npos);
}

TEST_CASE("a connection that breaks is lost, and not an exit") {
  SshServer server;
  auto session = SshSession::connect(server.target(), within(seconds(60)));
  REQUIRE(session);
  std::thread killer([&] {
    while (!std::filesystem::exists(server.home() + "/started")) std::this_thread::yield();
    server.drop_connections();
  });
  auto result = run(*session, "touch started; exec sleep 2", {}, 100, within(seconds(60)));
  killer.join();
  REQUIRE_FALSE(result);
  CHECK(result.error().fault == SshFault::lost);
}
