#include "drivers/guest/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

namespace banger::guest {
namespace {

int await_connected(int fd, std::chrono::steady_clock::time_point deadline) {
  pollfd waiting{fd, POLLOUT, 0};
  for (;;) {
    int n = ::poll(&waiting, 1, poll_timeout(deadline));
    if (n == 0) return ETIMEDOUT;
    if (n > 0) break;
    if (errno != EINTR) return errno;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

// A guest's death is silent on a tap: without these a read would wait for ever.
void watch_for_silence(int fd) {
  auto set = [fd](int level, int option, int value) {
    (void)::setsockopt(fd, level, option, &value,
                       sizeof value);  // a refusal costs only detection time
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

}  // namespace

int poll_timeout(std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
}

Result<int> tcp_connect(const std::string& host, uint16_t port,
                        std::chrono::steady_clock::time_point deadline) {
  const std::string what = "connect to " + host + " port " + std::to_string(port);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); rc != 0) {
    return fail(what + ": " + ::gai_strerror(rc));
  }
  std::unique_ptr<addrinfo, decltype([](addrinfo* list) { ::freeaddrinfo(list); })> address(found);
  int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_errno(what, errno);
  int error = ::connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) error = await_connected(fd, deadline);
  if (error != 0) {
    ::close(fd);
    return fail_errno(what, error);
  }
  watch_for_silence(fd);
  return fd;
}

}  // namespace banger::guest
