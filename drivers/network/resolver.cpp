#include "drivers/network/resolver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "drivers/uv/fd.h"
#include "drivers/uv/poll.h"

namespace banger::network {
namespace {

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
  uv::Loop& loop;
  ResolverLimits limits;
  Fd udp;
  std::uint16_t port = 0;
  NameTable names = {};
  std::optional<uv::Poll> udp_poll = {};
  std::unique_ptr<uv::Connections> tcp = {};

  Status watch(Fd listener);
  void answer_datagrams();
  void serve(uv::Exchange& exchange) const;
};

Status Resolver::Impl::watch(Fd listener) {
  auto polled = uv::Poll::open(loop, udp.get(), [this](int) { answer_datagrams(); });
  if (!polled) return std::unexpected(polled.error());
  auto connections = uv::Connections::open(loop, std::move(listener), limits.tcp,
                                           [this](uv::Exchange& exchange) { serve(exchange); });
  if (!connections) return std::unexpected(connections.error());
  tcp = *std::move(connections);
  udp_poll.emplace(*std::move(polled));
  udp_poll->set(uv::kReadable);
  return {};
}

void Resolver::Impl::answer_datagrams() {
  std::array<std::uint8_t, kMaxQueryBytes + 1> buffer;  // one more: what is cut off must look too long
  for (std::size_t n = 0; n < limits.datagrams_per_turn; ++n) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(udp.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;  // nothing more, or an error that was for one of our answers
    const auto answer = answer_query({buffer.data(), static_cast<std::size_t>(got)}, names);
    // Without waiting: whoever floods us may lose answers, and asks again.
    if (answer) {
      (void)::sendto(udp.get(), answer->data(), answer->size(), MSG_NOSIGNAL,
                     reinterpret_cast<const sockaddr*>(&from), size);
    }
  }
}

// Takes the next whole query out of what has come, and answers it.
void Resolver::Impl::serve(uv::Exchange& exchange) const {
  std::string& in = exchange.in;
  if (in.size() < kLengthBytes) return;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(in.data());
  const auto length = static_cast<std::size_t>(bytes[0] << 8 | bytes[1]);
  if (length > kMaxQueryBytes) {  // where the next one would begin is no use: nothing sane asks that much
    exchange.last = true;
    return;
  }
  if (in.size() < kLengthBytes + length) return;
  const auto answer = answer_query({bytes + kLengthBytes, length}, names);
  in.erase(0, kLengthBytes + length);
  if (!answer) {  // silence in the middle of a conversation would leave the client waiting
    exchange.last = true;
    return;
  }
  exchange.out = {static_cast<char>(answer->size() >> 8), static_cast<char>(answer->size() & 0xff)};
  exchange.out.append(answer->begin(), answer->end());
}

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Resolver::~Resolver() = default;
void Resolver::set_names(NameTable names) { impl_->names = std::move(names); }
std::uint16_t Resolver::port() const { return impl_->port; }
std::size_t Resolver::connection_count() const { return impl_->tcp->count(); }

Result<std::unique_ptr<Resolver>> Resolver::listen(uv::Loop& loop, Ipv4 address, std::uint16_t port,
                                                   ResolverLimits limits) {
  if (!address.loopback()) return fail(address.text() + " is not a loopback address, and the resolver answers anybody");
  auto sockets = bind_both(address, port);
  if (!sockets) return std::unexpected(sockets.error());
  const std::uint16_t bound = port_of(sockets->udp);
  auto impl = std::unique_ptr<Impl>(new Impl{loop, limits, std::move(sockets->udp), bound});
  BANGER_TRY(impl->watch(std::move(sockets->tcp)));
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

}  // namespace banger::network
