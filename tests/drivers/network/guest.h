// A guest without a VMM: a network namespace whose eth0 is joined, frame by frame, to a tap of the host as QEMU or
// Firecracker would open it. And the sockets that these tests talk over.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <thread>

#include "drivers/uv/fd.h"
#include "tests/drivers/network/namespaces.h"

namespace banger::network::test {

class Guest {
 public:
  // Opens `tap` in this thread's namespace. Has `address`/24 and a route to everywhere by 172.16.0.1.
  Guest(const std::string& tap, std::string address);
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  void run(const std::function<void()>& body) const { inside_.run(body); }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::string hardware_address() const;

 private:
  void pump() const;
  Namespace inside_;
  std::string address_;
  Fd host_end_, guest_end_, stop_;
  std::thread pump_;
};

sockaddr_in at(const std::string& address, std::uint16_t port);

// A UDP socket of this thread's namespace.
Fd udp_at(const std::string& address, std::uint16_t port);
void send_to(const Fd& fd, const std::string& text, const std::string& address, std::uint16_t port);
// The next datagram; more than a minute without one is a failure.
std::string receive(const Fd& fd);

// A TCP server of this thread's namespace.
Fd listen_at(const std::string& address, std::uint16_t port);
// A connection to it from this thread's namespace; an Fd that holds nothing where a reset or an ICMP message said no.
Fd connect_to(const std::string& address, std::uint16_t port);
// The next connection that is there or will come.
Fd accept_one(const Fd& listener);
// Accepts one, and tells whoever it is from which address he came.
std::string serve_one(const Fd& listener);
// Connects from this thread's namespace, and gives what it hears: who the server saw. "refused" where a reset or an
// ICMP message said no.
std::string ask_who_i_am(const std::string& address, std::uint16_t port);

}  // namespace banger::network::test
