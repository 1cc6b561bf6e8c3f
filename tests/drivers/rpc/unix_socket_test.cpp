#include "drivers/rpc/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "tests/drivers/rpc/fixture.h"

using namespace banger;
using namespace banger::rpc;
using banger::rpc::test::connect_to;
using banger::rpc::test::TempDir;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat info{};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

}  // namespace

TEST_CASE(
    "the socket and its directory have their modes under every umask, and go with the server") {
  const bool shared = GENERATE(false, true);
  for (const mode_t mask : {0000, 0022, 0077}) {
    const TempDir directory;
    const std::string path = directory.file("run/socket");
    const mode_t before = ::umask(mask);
    {
      auto socket = ListeningSocket::open(path, shared);
      ::umask(before);
      REQUIRE(socket);
      CHECK(mode_of(path) == (shared ? 0666 : 0600));
      CHECK(mode_of(directory.file("run")) == (shared ? 0711 : 0700));
      const Fd client(connect_to(path));
      const Fd accepted(::accept(socket->fd(), nullptr, nullptr));
      const auto peer = peer_of(accepted.get(), {::geteuid()});
      REQUIRE(peer);
      CHECK(peer->uid == ::getuid());
      CHECK(peer->gid == ::getgid());
      CHECK(peer->pid == ::getpid());
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
  }
}

TEST_CASE("a live server is refused, a dead one's file replaced, a stranger's file kept") {
  const TempDir directory;
  const std::string path = directory.file("socket");
  auto first = std::make_optional(ListeningSocket::open(path, false).value());
  const auto second = ListeningSocket::open(path, false);
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("already listens") != std::string::npos);
  CHECK(::access(path.c_str(), F_OK) == 0);

  // A crash: the file stays, nobody listens.
  REQUIRE(::link(path.c_str(), directory.file("kept").c_str()) == 0);
  first.reset();
  REQUIRE(::rename(directory.file("kept").c_str(), path.c_str()) == 0);
  auto third = ListeningSocket::open(path, false);
  REQUIRE(third);
  const Fd client(connect_to(path));

  // Our file was replaced meanwhile: it is no longer ours to remove.
  REQUIRE(::unlink(path.c_str()) == 0);
  std::ofstream(path) << "precious";
  {
    const auto gone = std::move(*third);
  }
  CHECK(::access(path.c_str(), F_OK) == 0);
  const auto fourth = ListeningSocket::open(path, false);
  REQUIRE_FALSE(fourth);
  CHECK(fourth.error().message.find("something else") != std::string::npos);
  CHECK(std::filesystem::file_size(path) == 8);
}

TEST_CASE("paths that can't work are refused with the reason") {
  const TempDir directory;
  const std::string base = directory.file("");
  const std::string longest = base + std::string(107 - base.size(), 's');
  CHECK(ListeningSocket::open(longest, false).has_value());
  const auto too_long = ListeningSocket::open(longest + "s", false);
  REQUIRE_FALSE(too_long);
  CHECK(too_long.error().message.find("107") != std::string::npos);
  CHECK_FALSE(ListeningSocket::open("", false).has_value());
  CHECK_FALSE(ListeningSocket::open(directory.file("no/such/socket"), false).has_value());
  REQUIRE(::mkdir(directory.file("open").c_str(), 0700) == 0);
  REQUIRE(::chmod(directory.file("open").c_str(), 0777) == 0);
  const auto unsafe = ListeningSocket::open(directory.file("open/socket"), false);
  REQUIRE_FALSE(unsafe);
  CHECK(unsafe.error().message.find("others can write") != std::string::npos);
  REQUIRE(::mkdir(directory.file("closed").c_str(), 0700) == 0);
  CHECK(ListeningSocket::open(directory.file("closed/socket"), false).has_value());
  const auto unreachable = ListeningSocket::open(directory.file("closed/socket"), true);
  REQUIRE_FALSE(unreachable);
  CHECK(unreachable.error().message.find("cannot pass") != std::string::npos);
}
