#include "drivers/rpc/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "drivers/rpc/connection.h"
#include "drivers/rpc/farewells.h"
#include "drivers/rpc/promise.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"

namespace banger::rpc {
namespace {

// Whoever is turned away costs some 20 us; all who wait to be accepted (SOMAXCONN) are seen to in as many turns as this fits in.
constexpr int kAcceptsPerTurn = 64;
constexpr uint64_t kAcceptBackoffMs = 100;  // when descriptors or memory have run out
constexpr uint64_t kRefusalsLoggedMs = 1000;  // one line in so long, however many they are

}  // namespace

class Server::Impl final : public kj::TaskSet::ErrorHandler {
 public:
  Impl(uv::Loop& loop, ListeningSocket socket, Access access, ServerLimits limits,
       Bootstrap bootstrap, Log log)
      : loop_(loop),
        access_(access),
        limits_(limits),
        bootstrap_(std::move(bootstrap)),
        log_(std::move(log)),
        tick_(loop, [this] { drop_overdue(); }),
        resume_(loop, [this] { poll_->set(uv::kReadable); }),
        shed_(loop, [this] { shed(); }),
        farewells_(loop),
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
    shed_.stop();
    farewells_.stop();
    socket_.reset();
    disconnects_ = nullptr;
    connections_.clear();
  }

  size_t count() const { return connections_.size(); }

 private:
  void accept_waiting();
  Status admit(Fd& socket);
  void refuse(Fd socket, const std::string& words);
  void drop_overdue();
  void shed();
  void taskFailed(kj::Exception&& exception) override {
    log_("rpc: " + to_error(exception).message);
  }

  uv::Loop& loop_;
  const Access access_;
  const ServerLimits limits_;
  Bootstrap bootstrap_;
  Log log_;
  std::optional<ListeningSocket> socket_;
  std::optional<uv::Poll> poll_;
  uv::Timer tick_;  // runs while there are clients
  uv::Timer resume_;
  uv::Timer shed_;  // due as soon as a client's backlog makes somebody wait
  Farewells farewells_;
  uint64_t last_id_ = 0;
  uint64_t next_refusal_logged_ms_ = 0;
  uint64_t refusals_unlogged_ = 0;
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
    if (const Status status = admit(socket); !status) refuse(std::move(socket), status.error().message);
  }
}

void Server::Impl::refuse(Fd socket, const std::string& words) {
  if (socket) farewells_.say(std::move(socket), words);
  if (loop_.now_ms() < next_refusal_logged_ms_) {
    ++refusals_unlogged_;
    return;
  }
  const uint64_t others = std::exchange(refusals_unlogged_, 0);
  log_("rpc: refused a client: " + words + (others == 0 ? "" : " (and " + std::to_string(others) + " before it)"));
  next_refusal_logged_ms_ = loop_.now_ms() + kRefusalsLoggedMs;
}

// Takes the socket only where the client may stay. Nothing of one that may not is read or kept.
Status Server::Impl::admit(Fd& socket) {
  const auto peer = peer_of(socket.get(), access_);
  if (!peer) return std::unexpected(peer.error());
  if (connections_.size() >= limits_.connections) return fail("too many clients");
  const auto same_uid = [&](const auto& entry) { return entry.second->peer().uid == peer->uid; };
  if (static_cast<size_t>(std::ranges::count_if(connections_, same_uid)) >=
      limits_.connections_per_uid) {
    return fail("too many clients of uid " + std::to_string(peer->uid));
  }
  auto state = std::make_shared<Client::State>(loop_, limits_, [this] { shed_.start_once(0); });
  auto bootstrap = bootstrap_(Client(*peer, state));
  if (!bootstrap) return std::unexpected(std::move(bootstrap).error());
  auto stream = UvStream::open(loop_, std::move(socket));
  if (!stream) return std::unexpected(std::move(stream).error());

  const uint64_t id = ++last_id_;
  auto connection = std::make_unique<Connection>(kj::mv(*stream), *peer, std::move(state), limits_,
                                                 kj::mv(*bootstrap));
  disconnects_->add(connection->on_disconnect().then([this, id] { connections_.erase(id); }));
  connections_.emplace(id, std::move(connection));
  if (!tick_.active()) {
    const uint64_t shortest = std::min({limits_.message_ms, limits_.idle_ms, limits_.greeting_ms});
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
  shed();
  if (connections_.empty()) tick_.stop();
}

// What clients don't fetch is theirs together: whoever has the most of it goes first.
void Server::Impl::shed() {
  size_t all = 0;
  for (const auto& [id, connection] : connections_) all += connection->unfetched();
  while (all > limits_.all_unfetched_bytes) {
    const auto most = std::ranges::max_element(
        connections_, {}, [](const auto& entry) { return entry.second->unfetched(); });
    all -= most->second->unfetched();
    log_("rpc: dropped a client of uid " + std::to_string(most->second->peer().uid) + ": it fetches no answers");
    connections_.erase(most);
  }
}

Result<Server> Server::listen(uv::Loop& loop, const std::string& path, Access access,
                              ServerLimits limits, Bootstrap bootstrap, Log log) {
  auto socket = ListeningSocket::open(path, access.shared());
  if (!socket) return std::unexpected(std::move(socket).error());
  auto impl = std::make_unique<Impl>(loop, std::move(*socket), access, limits, std::move(bootstrap),
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
