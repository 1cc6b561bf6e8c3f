#include "drivers/vmm/host_ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace banger::vmm {

static Result<bool> is_free(const PortForward& forward) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(forward.host_port);
  if (::inet_pton(AF_INET, forward.host_address.c_str(), &address.sin_addr) != 1) {
    return fail("not an IPv4 address: " + forward.host_address);
  }
  const bool tcp = forward.protocol == Protocol::kTcp;
  int fd = ::socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_errno("socket", errno);
  const int on = 1;  // as QEMU does, so that connections in TIME_WAIT don't count
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                    (!tcp || ::listen(fd, 1) == 0);
  ::close(fd);
  return free;
}

Result<std::vector<PortForward>> busy_ports(const std::vector<PortForward>& forwards) {
  std::vector<PortForward> busy;
  for (const auto& forward : forwards) {
    auto free = is_free(forward);
    if (!free) return std::unexpected(free.error());
    if (!*free) busy.push_back(forward);
  }
  return busy;
}

}  // namespace banger::vmm
