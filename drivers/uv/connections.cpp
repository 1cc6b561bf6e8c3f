#include "drivers/uv/connections.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <map>
#include <optional>

#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"

namespace banger::uv {
namespace {

constexpr std::size_t kChunk = 4096;

struct Connection {
  Fd fd;  // closed after the poll on it
  std::optional<Poll> poll;
  std::unique_ptr<Timer> deadline;
  Exchange exchange;
  std::size_t sent = 0;
  bool asked_all = false;  // it has ended its side

  // False where the client is gone.
  bool read_some() {
    std::array<char, kChunk> buffer;
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    asked_all = got == 0;
    exchange.in.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  // False where nobody takes it. `out` is empty once all of it has gone.
  bool send_some() {
    while (sent < exchange.out.size()) {
      const ssize_t n = ::send(fd.get(), exchange.out.data() + sent, exchange.out.size() - sent, MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      sent += static_cast<std::size_t>(n);
    }
    exchange.out.clear();
    sent = 0;
    return true;
  }
};

}  // namespace

struct Connections::Impl {
  Loop& loop;
  Fd listener;
  ConnectionLimits limits;
  Serve serve;
  std::optional<Poll> poll = {};
  std::map<std::uint64_t, Connection> all = {};
  std::uint64_t next = 1;
  std::shared_ptr<bool> here = std::make_shared<bool>(true);

  ~Impl() { *here = false; }

  void accept_all();
  void ready(std::uint64_t number, int events);
  bool answer(Connection& connection) const;
  // Not at once: what is dropped may be what is calling.
  void drop(std::uint64_t number) {
    all.at(number).poll->set(0);
    loop.defer([this, alive = here, number] {
      if (*alive) all.erase(number);
    });
  }
};

void Connections::Impl::accept_all() {
  for (;;) {
    Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;  // none left, or this one has gone already
    if (all.size() >= limits.connections) continue;
    const std::uint64_t number = next++;
    auto watching = Poll::open(loop, fd.get(), [this, number](int events) { ready(number, events); });
    if (!watching) continue;
    Connection& connection = all[number];
    connection.fd = std::move(fd);
    connection.poll.emplace(*std::move(watching));
    connection.poll->set(kReadable);
    connection.deadline = std::make_unique<Timer>(loop, [this, number] { drop(number); });
    connection.deadline->start_once(limits.deadline_ms);
  }
}

void Connections::Impl::ready(std::uint64_t number, int events) {
  const auto found = all.find(number);
  if (found == all.end()) return;
  Connection& connection = found->second;
  bool stays = true;
  if ((events & kReadable) != 0 && connection.exchange.out.empty()) stays = connection.read_some();
  if (stays) stays = answer(connection);
  const bool busy = !connection.exchange.out.empty();
  if (!stays || (!busy && (connection.exchange.last || connection.asked_all))) return drop(number);
  connection.poll->set(busy ? kWritable : kReadable);
}

// Answers may go out as fast as they are made; only one that the socket doesn't take is kept. False where the
// client is gone.
bool Connections::Impl::answer(Connection& connection) const {
  Exchange& exchange = connection.exchange;
  for (;;) {
    if (exchange.out.empty() && !exchange.last) serve(exchange);
    if (exchange.out.empty()) break;
    if (!connection.send_some()) return false;
    if (!exchange.out.empty()) return true;
  }
  // A client that still has bytes on their way to us should read the answer before it hears of the close.
  if (exchange.last) ::shutdown(connection.fd.get(), SHUT_WR);
  return true;
}

Result<std::unique_ptr<Connections>> Connections::open(Loop& loop, Fd listener, ConnectionLimits limits, Serve serve) {
  auto impl = std::unique_ptr<Impl>(new Impl{loop, std::move(listener), limits, std::move(serve)});
  auto watching = Poll::open(loop, impl->listener.get(), [impl = impl.get()](int) { impl->accept_all(); });
  if (!watching) return std::unexpected(watching.error());
  impl->poll.emplace(*std::move(watching));
  impl->poll->set(kReadable);
  return std::unique_ptr<Connections>(new Connections(std::move(impl)));
}

Connections::Connections(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connections::~Connections() = default;
std::size_t Connections::count() const { return impl_->all.size(); }

}  // namespace banger::uv
