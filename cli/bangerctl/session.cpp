#include "cli/bangerctl/session.h"

#include <kj/io.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>

#include "events/assert.h"

namespace banger::ctl {
namespace {

constexpr unsigned kKeyFds = 1;  // the most that one message may bring: a VM's key
constexpr int kConnectRounds = 40;
constexpr int kPauseMs = 50;
constexpr int kLongestPauseMs = 400;

Result<kj::AutoCloseFd> open_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail("the socket's path is longer than " + std::to_string(sizeof address.sun_path - 1) +
                " characters: " + path);
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  kj::AutoCloseFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return fail_errno("make a socket", errno);
  // On a unix socket a connect that doesn't block has succeeded or failed when it returns.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno("connect to " + path, errno);
  }
  return fd;
}

}  // namespace

struct Session::Connection {
  explicit Connection(kj::Own<kj::AsyncCapabilityStream> socket)
      : stream(kj::mv(socket)),
        client(*stream, kKeyFds),
        control(client.bootstrap().castAs<schema::Control>()) {}

  kj::Own<kj::AsyncCapabilityStream> stream;
  capnp::TwoPartyClient client;
  schema::Control::Client control;
  std::optional<capnp::Response<schema::Control::HelloResults>> hello;
};

CommandId fresh_command_id() {
  CommandId id;
  while (!id) {
    const ssize_t size = ::getrandom(&id, sizeof id, 0);
    BANGER_ASSERT(size == sizeof id || errno == EINTR);  // getrandom(2): up to 256 bytes come whole
  }
  return id;
}

void write_id(schema::CommandId::Builder out, const CommandId& id) {
  out.setHi(id.hi);
  out.setLo(id.lo);
}

std::optional<Failure> lasting_failure(const kj::Exception& exception) {
  const std::string what = exception.getDescription().cStr();
  // The words of an exception that came over the wire.
  constexpr std::string_view kRemote = "remote exception: ";
  const std::string told = what.starts_with(kRemote) ? what.substr(kRemote.size()) : what;
  if (told.starts_with(schema::NOT_PERMITTED->cStr())) return Failure{kNotPermitted, told};
  switch (exception.getType()) {
    case kj::Exception::Type::DISCONNECTED:
      return std::nullopt;
    case kj::Exception::Type::UNIMPLEMENTED:
      return Failure{kFailed, "the daemon does not know this request: it is older than bangerctl",
                     "bangerctl daemon stop, and again"};
    case kj::Exception::Type::OVERLOADED:
    case kj::Exception::Type::FAILED:
      return Failure{kFailed, told};
  }
  return Failure{kFailed, told};
}

Session::Session(Options options) : options_(std::move(options)), io_(kj::setupAsyncIo()) {}
Session::~Session() = default;

void Session::drop() {
  connection_ = nullptr;
}

schema::Control::Client Session::control() {
  BANGER_ASSERT(connected());
  return connection_->control;
}

kj::Promise<void> Session::on_disconnect() {
  BANGER_ASSERT(connected());
  return connection_->client.onDisconnect();
}

schema::DaemonInfo::Reader Session::info() {
  BANGER_ASSERT(connected());
  return connection_->hello->getInfo();
}

void Session::pause(int round) {
  const int ms = std::min(kPauseMs * round, kLongestPauseMs);
  timer().afterDelay(ms * kj::MILLISECONDS).wait(io_.waitScope);
}

Answer<Session::Tried> Session::try_connect() {
  auto fd = open_socket(options_.socket);
  if (!fd) {
    const int error = fd.error().sys_errno;
    if (error == ENOENT || error == ECONNREFUSED) return Tried::kNobody;
    if (error == EAGAIN) return Tried::kCrowded;  // unix(7): its backlog is full
    if (error == EACCES) return std::unexpected(Failure{kNotPermitted, std::move(fd).error().message});
    return std::unexpected(Failure{kNoDaemon, std::move(fd).error().message});
  }
  auto connection = kj::heap<Connection>(io_.lowLevelProvider->wrapUnixSocketFd(kj::mv(*fd)));
  auto request = connection->control.helloRequest();
  request.setClient(options_.client);
  bool silent = false;
  auto too_late =
      timer().afterDelay(options_.hello_timeout_s * kj::SECONDS).then([&silent] { silent = true; });
  try {
    auto answered =
        request.send().then([&](capnp::Response<schema::Control::HelloResults>&& hello) {
          connection->hello.emplace(kj::mv(hello));
        });
    answered.exclusiveJoin(kj::mv(too_late)).wait(io_.waitScope);
  } catch (const kj::Exception& exception) {
    if (auto failure = lasting_failure(exception)) return std::unexpected(*std::move(failure));
    return Tried::kNobody;
  }
  if (silent) {
    return std::unexpected(Failure{kNoDaemon,
                                   "whoever listens at " + options_.socket + " does not answer",
                                   "end that process, or use another --socket"});
  }
  connection_ = kj::mv(connection);
  return Tried::kConnected;
}

Answer<void> Session::connect(Start start) {
  const bool may_start = start == Start::kMay && options_.start;
  for (int round = 1; round <= kConnectRounds && !connected(); ++round) {
    const auto done = try_connect();
    if (!done) return std::unexpected(done.error());
    if (*done == Tried::kConnected) return {};
    if (*done == Tried::kCrowded) {
      pause(round);
      continue;
    }
    if (!may_start) {
      return std::unexpected(
          Failure{kNoDaemon, "no daemon answers at " + options_.socket, "bangerctl daemon start"});
    }
    const auto started = options_.start(io_);
    if (!started) return std::unexpected(started.error());
    // Another daemon has the data directory: it is about to listen, or about to end.
    if (*started == Started::kBusy) pause(round);
  }
  if (connected()) return {};
  return std::unexpected(Failure{
      kNoDaemon, "a daemon has the data directory, but does not listen at " + options_.socket,
      "use the --socket that it was started with, or end it"});
}

}  // namespace banger::ctl
