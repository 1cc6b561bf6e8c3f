#include "tests/drivers/network/guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace banger::network::test {
namespace {

constexpr int kPatienceMs = 60'000;

Fd open_tap(const std::string& name) {
  Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw std::runtime_error("open tap " + name + ": " + std::strerror(errno));
  }
  return fd;
}

// Frames with their virtio-net headers, as they are. What the other end doesn't take is lost, as on a wire.
void carry(const Fd& from, const Fd& to) {
  std::array<char, 70'000> frame;
  for (;;) {
    const ssize_t got = ::read(from.get(), frame.data(), frame.size());
    if (got <= 0) return;
    (void)!::write(to.get(), frame.data(), static_cast<std::size_t>(got));
  }
}

void await_readable(const Fd& fd) {
  pollfd waiting{fd.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kPatienceMs) != 1) throw std::runtime_error("nothing came for a minute");
}

}  // namespace

Guest::Guest(const std::string& tap, std::string address) : address_(std::move(address)) {
  host_end_ = open_tap(tap);
  stop_ = Fd(::eventfd(0, EFD_CLOEXEC));
  inside_.run([&] {
    guest_end_ = open_tap("eth0");
    sh("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip link set eth0 up; ip addr add " + address_ +
       "/24 dev eth0; ip route add default via 172.16.0.1");
  });
  pump_ = std::thread([this] { pump(); });
}

Guest::~Guest() {
  (void)!::eventfd_write(stop_.get(), 1);
  pump_.join();
}

std::string Guest::hardware_address() const {
  std::string found;
  run([&] { found = sh("ip -br link show eth0 | awk '{ printf $3 }'"); });
  return found;
}

void Guest::pump() const {
  std::array<pollfd, 3> fds{{{stop_.get(), POLLIN, 0}, {host_end_.get(), POLLIN, 0}, {guest_end_.get(), POLLIN, 0}}};
  while (::poll(fds.data(), fds.size(), -1) > 0 && fds[0].revents == 0) {
    carry(host_end_, guest_end_);
    carry(guest_end_, host_end_);
  }
}

sockaddr_in at(const std::string& address, std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  return where;
}

Fd udp_at(const std::string& address, std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in where = at(address, port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    throw std::runtime_error("bind " + address + ": " + std::strerror(errno));
  }
  return fd;
}

void send_to(const Fd& fd, const std::string& text, const std::string& address, std::uint16_t port) {
  const sockaddr_in where = at(address, port);
  if (::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0) {
    throw std::runtime_error("send to " + address + ": " + std::strerror(errno));
  }
}

std::string receive(const Fd& fd) {
  await_readable(fd);
  std::array<char, 2048> buffer;
  const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

Fd listen_at(const std::string& address, std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;  // the one before at this port has only just ended
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in where = at(address, port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 || ::listen(fd.get(), 8) != 0) {
    throw std::runtime_error("listen at " + address + ": " + std::strerror(errno));
  }
  return fd;
}

Fd connect_to(const std::string& address, std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in where = at(address, port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) return fd;
  if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EACCES) return Fd();
  throw std::runtime_error("connect to " + address + ": " + std::strerror(errno));
}

Fd accept_one(const Fd& listener) {
  await_readable(listener);
  return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

std::string serve_one(const Fd& listener) {
  const Fd client = accept_one(listener);
  sockaddr_in from{};
  socklen_t size = sizeof from;
  if (::getpeername(client.get(), reinterpret_cast<sockaddr*>(&from), &size) != 0) return {};  // nobody came
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &from.sin_addr, text.data(), text.size());
  (void)!::send(client.get(), text.data(), std::strlen(text.data()), MSG_NOSIGNAL);
  return text.data();
}

std::string ask_who_i_am(const std::string& address, std::uint16_t port) {
  const Fd fd = connect_to(address, port);
  return fd ? receive(fd) : "refused";
}

}  // namespace banger::network::test
