#include "drivers/vmm/host_ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/catch.h"

using namespace banger;
using namespace banger::vmm;

TEST_CASE("the busy one among some ports is named, and free again when it is") {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const PortForward taken{"127.0.0.1", ntohs(address.sin_port), 22};
  const PortForward any{"127.0.0.1", 0, 80};
  auto busy = busy_ports({any, taken});
  REQUIRE(busy);
  CHECK(*busy == std::vector<PortForward>{taken});
  ::close(fd);
  CHECK(busy_ports({any, taken})->empty());
}

TEST_CASE("an address that is not this host's is busy; what is no address is an error") {
  CHECK(busy_ports({{"192.0.2.1", 0, 22}})->size() == 1);
  CHECK_FALSE(busy_ports({{"localhost", 0, 22}}));
}
