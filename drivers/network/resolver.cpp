#include "drivers/network/resolver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"
#include "drivers/uv/timer.h"

namespace banger::network {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kLengthBytes = 2;  // before each message over TCP (RFC 1035, 4.2.2)
constexpr int kTriesForAPort = 16;

Result<Fd> bound_socket(int type, Ipv4 address, std::uint16_t port) {
  Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("make a socket", errno);
  const int on = 1;  // over TCP: a daemon that is started again need not wait for its old connections
  if (type == SOCK_STREAM) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(address.value);
  where.sin_port = htons(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 ||
      (type == SOCK_STREAM && ::listen(fd.get(), 16) != 0)) {
    return fail_errno("listen on " + address.text() + ":" + std::to_string(port) +
                          (type == SOCK_STREAM ? " (TCP)" : " (UDP)"), errno);
  }
  return fd;
}

std::uint16_t port_of(const Fd& fd) {
  sockaddr_in where{};
  socklen_t size = sizeof where;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0) return 0;
  return ntohs(where.sin_port);
}

struct Sockets {
  Fd udp;
  Fd tcp;
};

// Both at one port. Where the kernel picks UDP's, TCP's may be taken: then it is asked for another.
Result<Sockets> bind_both(Ipv4 address, std::uint16_t port) {
  for (int tries = 1;; ++tries) {
    auto udp = bound_socket(SOCK_DGRAM, address, port);
    if (!udp) return std::unexpected(udp.error());
    auto tcp = bound_socket(SOCK_STREAM, address, port_of(*udp));
    if (tcp) return Sockets{*std::move(udp), *std::move(tcp)};
    if (port != 0 || tcp.error().sys_errno != EADDRINUSE || tries == kTriesForAPort) return std::unexpected(tcp.error());
  }
}

}  // namespace

struct Resolver::Impl {
  // One client over TCP. What it asked is answered before more of it is read, so that a client which
  // doesn't read its answers costs no more than one.
  struct Connection {
    Fd fd;
    std::optional<uv::Poll> poll;
    std::unique_ptr<uv::Timer> deadline;
    Bytes in;
    Bytes out;
    std::size_t written = 0;
    bool asked_all = false;  // it has ended its side
  };

  uv::Loop& loop;
  ResolverLimits limits;
  Sockets sockets;
  NameTable names;
  std::optional<uv::Poll> udp_poll;
  std::optional<uv::Poll> tcp_poll;
  std::map<std::uint64_t, Connection> connections;
  std::uint64_t next = 1;
  std::shared_ptr<bool> here = std::make_shared<bool>(true);

  ~Impl() { *here = false; }

  Status watch();
  void answer_datagrams();
  void accept_all();
  void ready(std::uint64_t number, int events);
  static bool read_some(Connection& connection);
  static bool write_some(Connection& connection);
  bool answer_next(Connection& connection);
  // Not at once: what is dropped may be what is calling.
  void drop(std::uint64_t number) {
    connections.at(number).poll->set(0);
    loop.defer([this, alive = here, number] {
      if (*alive) connections.erase(number);
    });
  }
};

Status Resolver::Impl::watch() {
  auto udp = uv::Poll::open(loop, sockets.udp.get(), [this](int) { answer_datagrams(); });
  if (!udp) return std::unexpected(udp.error());
  auto tcp = uv::Poll::open(loop, sockets.tcp.get(), [this](int) { accept_all(); });
  if (!tcp) return std::unexpected(tcp.error());
  udp_poll.emplace(*std::move(udp));
  tcp_poll.emplace(*std::move(tcp));
  udp_poll->set(uv::kReadable);
  tcp_poll->set(uv::kReadable);
  return {};
}

void Resolver::Impl::answer_datagrams() {
  std::array<std::uint8_t, kMaxQueryBytes + 1> buffer;  // one more: what is cut off must look too long
  for (std::size_t n = 0; n < limits.datagrams_per_turn; ++n) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(sockets.udp.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;  // nothing more, or an error that was for one of our answers
    const auto answer = answer_query({buffer.data(), static_cast<std::size_t>(got)}, names);
    // Without waiting: whoever floods us may lose answers, and asks again.
    if (answer) {
      (void)::sendto(sockets.udp.get(), answer->data(), answer->size(), MSG_NOSIGNAL,
                     reinterpret_cast<const sockaddr*>(&from), size);
    }
  }
}

void Resolver::Impl::accept_all() {
  for (;;) {
    Fd fd(::accept4(sockets.tcp.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;  // none left, or this one has gone already
    if (connections.size() >= limits.connections) continue;
    const std::uint64_t number = next++;
    auto watching = uv::Poll::open(loop, fd.get(), [this, number](int events) { ready(number, events); });
    if (!watching) continue;
    Connection& connection = connections[number];
    connection.fd = std::move(fd);
    connection.poll.emplace(*std::move(watching));
    connection.poll->set(uv::kReadable);
    connection.deadline = std::make_unique<uv::Timer>(loop, [this, number] { drop(number); });
    connection.deadline->start_once(limits.deadline_ms);
  }
}

void Resolver::Impl::ready(std::uint64_t number, int events) {
  const auto found = connections.find(number);
  if (found == connections.end()) return;
  Connection& connection = found->second;
  bool stays = true;
  if ((events & uv::kReadable) != 0 && connection.out.empty()) stays = read_some(connection);
  // Its answers may go out as fast as they are made; only one that the socket doesn't take is kept.
  while (stays && (!connection.out.empty() || answer_next(connection))) {
    stays = write_some(connection);
    if (!connection.out.empty()) break;
  }
  const bool busy = !connection.out.empty();
  if (!stays || (connection.asked_all && !busy)) return drop(number);
  connection.poll->set(busy ? uv::kWritable : uv::kReadable);
}

// False where the client is gone.
bool Resolver::Impl::read_some(Connection& connection) {
  std::array<std::uint8_t, kMaxQueryBytes + kLengthBytes> buffer;
  const ssize_t got = ::recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) connection.asked_all = true;
  connection.in.insert(connection.in.end(), buffer.begin(), buffer.begin() + got);
  return true;
}

// Takes the next whole query out of what was read and puts its answer into `out`; false: there is none yet.
bool Resolver::Impl::answer_next(Connection& connection) {
  Bytes& in = connection.in;
  if (in.size() < kLengthBytes) return false;
  const auto length = static_cast<std::size_t>(in[0] << 8 | in[1]);
  if (length > kMaxQueryBytes) {  // where the next one would begin is no use: nothing sane asks that much
    connection.asked_all = true;
    in.clear();
    return false;
  }
  if (in.size() < kLengthBytes + length) return false;
  const auto answer = answer_query({in.data() + kLengthBytes, length}, names);
  in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(kLengthBytes + length));
  if (!answer) {  // silence in the middle of a conversation would leave the client waiting
    connection.asked_all = true;
    in.clear();
    return false;
  }
  connection.out = {static_cast<std::uint8_t>(answer->size() >> 8), static_cast<std::uint8_t>(answer->size())};
  connection.out.insert(connection.out.end(), answer->begin(), answer->end());
  connection.written = 0;
  return true;
}

// False where nobody takes it. `out` is empty once all of it has gone.
bool Resolver::Impl::write_some(Connection& connection) {
  while (connection.written < connection.out.size()) {
    const ssize_t n = ::send(connection.fd.get(), connection.out.data() + connection.written,
                             connection.out.size() - connection.written, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    connection.written += static_cast<std::size_t>(n);
  }
  connection.out.clear();
  return true;
}

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;
void Resolver::set_names(NameTable names) { impl_->names = std::move(names); }
std::uint16_t Resolver::port() const { return port_of(impl_->sockets.udp); }
std::size_t Resolver::connection_count() const { return impl_->connections.size(); }

Result<std::unique_ptr<Resolver>> Resolver::listen(uv::Loop& loop, Ipv4 address, std::uint16_t port,
                                                   ResolverLimits limits) {
  if (!address.loopback()) return fail(address.text() + " is not a loopback address, and the resolver answers anybody");
  auto sockets = bind_both(address, port);
  if (!sockets) return std::unexpected(sockets.error());
  auto impl = std::unique_ptr<Impl>(new Impl{loop, limits, *std::move(sockets)});
  BANGER_TRY(impl->watch());
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

}  // namespace banger::network
