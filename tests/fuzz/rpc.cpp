// A client of the daemon: its bytes go through the socket, the stream, Cap'n Proto's RPC and the Control interface, as
// in bangerd; behind that is a service in memory, and what it is asked for is decided on a fleet. Once the client is
// gone nothing of it is left, and the next one is served.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>

#include "drivers/rpc/control_server.h"
#include "drivers/rpc/kj_loop.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/rpc/memory_service.h"
#include "tests/engine/given.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

constexpr int kMaxTurns = 10'000;  // far more than any client here takes

struct Daemon {
  test::TempDir directory;
  std::string path = directory / "rpc.sock";
  uv::Loop loop;
  rpc::KjLoop kj{loop};
  rpc::test::MemoryService service;
  rpc::Server server = listen();

  rpc::Server listen() {
    auto made = rpc::Server::listen(loop, path, rpc::Access{.owner = ::geteuid()}, {}, rpc::make_controls(service), [](std::string_view) {});
    BANGER_ASSERT(made.has_value());
    return *std::move(made);
  }
};

Fd connect_to(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  BANGER_ASSERT(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  BANGER_ASSERT(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// Says it, and takes whatever comes back, until no more does.
void converse(Daemon& daemon, const Fd& client, std::string_view bytes) {
  std::array<char, 65536> answer;
  for (bool quiet = false; !quiet || !bytes.empty();) {
    const ssize_t sent = bytes.empty() ? 0 : ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return;  // we were dropped
    bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    daemon.loop.drain();
    quiet = ::recv(client.get(), answer.data(), answer.size(), 0) <= 0;
  }
}

// The message's own framing around parts of the bytes, so that a change of a length does not end it all.
std::string framed(log::Reader& input) {
  std::string stream;
  while (!input.rest().empty()) {
    std::string message(take_part(input));
    message.resize((message.size() + 7) / 8 * 8);
    log::put_le(stream, std::uint32_t{0});  // one segment
    log::put_le(stream, static_cast<std::uint32_t>(message.size() / 8));
    stream += message;
  }
  return stream;
}

// What was asked for goes on as in the daemon; the fleet is not the next client's.
void decide_all(const rpc::test::MemoryService& service) {
  static const test::World kBefore = test::web_in(VmState::kRunning);
  test::World world = kBefore;
  for (const auto& each : service.submitted) (void)world.doing(each.ask);
  BANGER_ASSERT(world.fleet.parked.empty());
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  static Daemon daemon;
  log::Reader input(bytes);
  const bool raw = (input.le<std::uint8_t>() & 1) != 0;
  const std::string stream = raw ? std::string(input.rest()) : framed(input);
  daemon.service = {};
  {
    const Fd client = connect_to(daemon.path);
    converse(daemon, client, std::string_view(stream).substr(0, stream.size() / 2));
    converse(daemon, client, std::string_view(stream).substr(stream.size() / 2));
  }
  for (int turn = 0; daemon.server.connection_count() > 0; ++turn) {
    BANGER_ASSERT(turn < kMaxTurns);
    daemon.loop.drain();
  }
  daemon.loop.drain();
  BANGER_ASSERT(daemon.service.holds == 0 && daemon.service.wakes.empty());
  decide_all(daemon.service);
}

}  // namespace banger::fuzz
