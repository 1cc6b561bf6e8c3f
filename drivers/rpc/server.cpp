#include "drivers/rpc/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "drivers/rpc/connection.h"
#include "drivers/rpc/promise.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"

namespace banger::rpc {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr uint64_t kAcceptBackoffMs = 100;  // when descriptors or memory have run out

}  // namespace

class Server::Impl final : public kj::TaskSet::ErrorHandler {
 public:
  Impl(uv::Loop& loop, ListeningSocket socket, ServerLimits limits, Bootstrap bootstrap, Log log)
      : loop_(loop),
        limits_(limits),
        bootstrap_(std::move(bootstrap)),
        log_(std::move(log)),
        tick_(loop, [this] { drop_overdue(); }),
        resume_(loop, [this] { poll_->set(uv::kReadable); }),
        disconnects_(kj::heap<kj::TaskSet>(*this)) {
    socket_.emplace(std::move(socket));
  }
  ~Impl() noexcept { stop(); }

  Status start() {
    auto poll = uv::Poll::open(loop_, socket_->fd(), [this](int) { accept_waiting(); });
    if (!poll) return std::unexpected(std::move(poll).error());
    poll_.emplace(std::move(*poll));
    poll_->set(uv::kReadable);
    return {};
  }

  void stop() {
    poll_.reset();
    resume_.stop();
    tick_.stop();
    socket_.reset();
    disconnects_ = nullptr;
    connections_.clear();
  }

  size_t count() const { return connections_.size(); }

 private:
  void accept_waiting();
  Status admit(Fd socket);
  void drop_overdue();
  void taskFailed(kj::Exception&& exception) override {
    log_("rpc: " + to_error(exception).message);
  }

  uv::Loop& loop_;
  const ServerLimits limits_;
  Bootstrap bootstrap_;
  Log log_;
  std::optional<ListeningSocket> socket_;
  std::optional<uv::Poll> poll_;
  uv::Timer tick_;  // runs while there are clients
  uv::Timer resume_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  kj::Own<kj::TaskSet> disconnects_;
};

void Server::Impl::accept_waiting() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Fd socket(::accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN) return;
      // The client stays in the backlog, so a level-triggered poll would spin until one leaves.
      log_(std::string("rpc: accept: ") + std::strerror(errno));
      poll_->set(0);
      resume_.start_once(kAcceptBackoffMs);
      return;
    }
    if (const Status status = admit(std::move(socket)); !status) {
      log_("rpc: refused a client: " + status.error().message);
    }
  }
}

Status Server::Impl::admit(Fd socket) {
  const auto peer = peer_of(socket.get());
  if (!peer) return std::unexpected(peer.error());
  if (connections_.size() >= limits_.connections) return fail("too many clients");
  const auto same_uid = [&](const auto& entry) { return entry.second->peer().uid == peer->uid; };
  if (static_cast<size_t>(std::ranges::count_if(connections_, same_uid)) >=
      limits_.connections_per_uid) {
    return fail("too many clients of uid " + std::to_string(peer->uid));
  }
  auto stream = UvStream::open(loop_, std::move(socket));
  if (!stream) return std::unexpected(std::move(stream).error());

  auto state = std::make_shared<Client::State>(loop_, loop_.now_ms());
  auto bootstrap = bootstrap_(Client(*peer, state));
  const uint64_t id = ++last_id_;
  auto connection = std::make_unique<Connection>(
      kj::mv(*stream), *peer, std::move(state), limits_,
      bootstrap ? kj::mv(*bootstrap) : capnp::Capability::Client(to_exception(bootstrap.error())));
  disconnects_->add(connection->on_disconnect().then([this, id] { connections_.erase(id); }));
  connections_.emplace(id, std::move(connection));
  if (!tick_.active()) {
    const uint64_t shortest = std::min(limits_.message_ms, limits_.idle_ms);
    tick_.start_every(std::clamp<uint64_t>(shortest / 4, 1, 1000));
  }
  return {};
}

void Server::Impl::drop_overdue() {
  std::erase_if(connections_, [&](const auto& entry) {
    const std::string_view reason = entry.second->overdue();
    if (reason.empty()) return false;
    log_("rpc: dropped a client of uid " + std::to_string(entry.second->peer().uid) + ": " +
         std::string(reason));
    return true;
  });
  if (connections_.empty()) tick_.stop();
}

Result<Server> Server::listen(uv::Loop& loop, const std::string& path, ServerLimits limits,
                              Bootstrap bootstrap, Log log) {
  auto socket = ListeningSocket::open(path);
  if (!socket) return std::unexpected(std::move(socket).error());
  auto impl = std::make_unique<Impl>(loop, std::move(*socket), limits, std::move(bootstrap),
                                     std::move(log));
  BANGER_TRY(impl->start());
  return Server(std::move(impl));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::Server(Server&&) noexcept = default;
Server::~Server() = default;

void Server::stop() {
  impl_->stop();
}

size_t Server::connection_count() const {
  return impl_->count();
}

}  // namespace banger::rpc
