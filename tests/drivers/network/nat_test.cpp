// What the rules do to packets: a host, its guests behind taps, and a world outside it, each a namespace of the test.
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "drivers/network/bridge.h"
#include "drivers/network/nat.h"
#include "drivers/network/resolver.h"
#include "drivers/network/tap.h"
#include "tests/catch.h"
#include "tests/drivers/network/dns_wire.h"
#include "tests/drivers/network/guest.h"
#include "tests/drivers/network/nat_support.h"
#include "tests/drivers/network/namespaces.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr VmId kWeb{0xa1}, kDb{0xb2};
constexpr std::uint16_t kDnsPort = 5354;

// The host (this thread's namespace, 10.9.0.1), two guests of it, and the world (10.9.0.2).
struct Host {
  Host() {
    sh("ip link add up0 type veth peer name eth0 netns " + world.path() +
       "; ip addr add 10.9.0.1/24 dev up0; ip link set up0 up");
    // The world knows a way to the guests: that it can't use it is what the rules are for.
    world.run([] { sh("ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up; ip route add 172.16.0.0/24 via 10.9.0.1"); });
    must(ensure_bridge({.store = kStore}));
    web = std::make_unique<Guest>(must(ensure_tap({.store = kStore, .vm = kWeb})).name, kWebAddress.text());
    db = std::make_unique<Guest>(must(ensure_tap({.store = kStore, .vm = kDb})).name, kDbAddress.text());
    plan.store = kStore;
    plan.dns_port = kDnsPort;
  }
  Namespace world;
  std::unique_ptr<Guest> web, db;
  NatPlan plan;
};

// A server in one place, asked from another; what the asking one hears: as whom it was seen.
template <class Server, class Client>
std::string seen_as(const Server& server, const std::string& listens, std::uint16_t port, const Client& client,
                    const std::string& asks, std::uint16_t asks_port) {
  Fd listener;
  server.run([&] { listener = listen_at(listens, port); });
  std::string heard;
  std::exception_ptr failure;
  // Asks first and is served then: its connection waits in the listener's queue.
  std::thread asking([&] {
    try {
      client.run([&] { heard = ask_who_i_am(asks, asks_port); });
    } catch (...) {
      failure = std::current_exception();
    }
    ::shutdown(listener.get(), SHUT_RDWR);  // wakes the server, should nobody have come
  });
  (void)serve_one(listener);
  asking.join();
  if (failure) std::rethrow_exception(failure);
  return heard;
}

// The host itself as a place.
struct Here {
  void run(const std::function<void()>& body) const { body(); }
};

}  // namespace

TEST_CASE("guests go out under the host's address, and nobody comes in by himself", "[netns]") {
  in_new_namespace([] {
    Host host;
    EXPECT(must(apply_nat(host.plan)).turned_forwarding_on);
    EXPECT(!must(apply_nat(host.plan)).turned_forwarding_on);
    EXPECT(seen_as(host.world, "10.9.0.2", 80, *host.web, "10.9.0.2", 80) == "10.9.0.1");
    EXPECT(seen_as(*host.web, "172.16.0.2", 80, host.world, "172.16.0.2", 80) == "refused");
    EXPECT(seen_as(*host.web, "172.16.0.2", 80, Here(), "172.16.0.2", 80) == "172.16.0.1");

    host.plan.masquerade = false;
    must(apply_nat(host.plan));
    EXPECT(seen_as(host.world, "10.9.0.2", 81, *host.web, "10.9.0.2", 81) == "172.16.0.2");
  });
}

TEST_CASE("a published port is reached where it is published, and nowhere else", "[netns]") {
  in_new_namespace([] {
    Host host;
    host.plan.published = {publish(kWebAddress, "127.0.0.1", 8080, 80), publish(kWebAddress, "0.0.0.0", 8081, 80),
                           publish(kDbAddress, "10.9.0.1", 8082, 80), publish(kDbAddress, "127.0.0.3", 8080, 80)};
    must(apply_nat(host.plan));
    const auto ask = [&](const Guest& guest, const auto& from, const char* address, std::uint16_t port) {
      return seen_as(guest, guest.address(), 80, from, address, port);
    };
    EXPECT(ask(*host.web, Here(), "127.0.0.1", 8080) == "172.16.0.1");
    EXPECT(ask(*host.db, Here(), "127.0.0.3", 8080) == "172.16.0.1");
    EXPECT(ask(*host.web, host.world, "10.9.0.1", 8080) == "refused");
    EXPECT(ask(*host.web, Here(), "10.9.0.1", 8080) == "refused");

    EXPECT(ask(*host.web, Here(), "127.0.0.1", 8081) == "172.16.0.1");
    EXPECT(ask(*host.web, host.world, "10.9.0.1", 8081) == "10.9.0.2");
    EXPECT(ask(*host.web, Here(), "10.9.0.1", 8081) == "10.9.0.1");

    EXPECT(ask(*host.db, host.world, "10.9.0.1", 8082) == "10.9.0.2");
    EXPECT(ask(*host.db, Here(), "10.9.0.1", 8082) == "10.9.0.1");
    EXPECT(ask(*host.db, Here(), "127.0.0.1", 8082) == "refused");
    // The port is open by its translation, not by itself; and others' ports of that number are theirs.
    EXPECT(ask(*host.web, host.world, "172.16.0.2", 80) == "refused");
    EXPECT(seen_as(host.world, "10.9.0.2", 8081, Here(), "10.9.0.2", 8081) == "10.9.0.1");

    // Not for guests: what they may reach of each other is isolation's business.
    EXPECT(ask(*host.db, *host.web, "10.9.0.1", 8082) == "refused");
    EXPECT(ask(*host.db, *host.web, "172.16.0.1", 8081) == "refused");

    host.plan.published.clear();
    must(apply_nat(host.plan));
    EXPECT(ask(*host.web, Here(), "127.0.0.1", 8080) == "refused");
    EXPECT(ask(*host.web, host.world, "10.9.0.1", 8081) == "refused");
  });
}

TEST_CASE("connections go on when the rules are set again, also without their port", "[netns]") {
  in_new_namespace([] {
    Host host;
    host.plan.published = {publish(kWebAddress, "127.0.0.1", 8080, 80)};
    must(apply_nat(host.plan));
    Fd web, world;
    host.web->run([&] { web = listen_at("172.16.0.2", 80); });
    host.world.run([&] { world = listen_at("10.9.0.2", 80); });
    const Fd in = connect_to("127.0.0.1", 8080), in_guest = accept_one(web);
    Fd out;
    host.web->run([&] { out = connect_to("10.9.0.2", 80); });
    const Fd out_world = accept_one(world);
    host.plan.published.clear();
    must(apply_nat(host.plan));
    must(apply_nat(host.plan));
    using Ends = std::pair<const Fd*, const Fd*>;
    for (const auto& [one, other] : {Ends{&in, &in_guest}, Ends{&out, &out_world}}) {
      EXPECT(::send(one->get(), "there", 5, MSG_NOSIGNAL) == 5);
      EXPECT(receive(*other) == "there");
      EXPECT(::send(other->get(), "and back", 8, MSG_NOSIGNAL) == 8);
      EXPECT(receive(*one) == "and back");
    }
  });
}

TEST_CASE("UDP is published, too", "[netns]") {
  in_new_namespace([] {
    Host host;
    host.plan.published = {publish(kWebAddress, "0.0.0.0", 9000, 53, Protocol::kUdp)};
    must(apply_nat(host.plan));
    Fd server, client;
    host.web->run([&] { server = udp_at("172.16.0.2", 53); });
    host.world.run([&] { client = udp_at("10.9.0.2", 0); });
    send_to(client, "from outside", "10.9.0.1", 9000);
    EXPECT(receive(server) == "from outside");
    const Fd here = udp_at("127.0.0.1", 0);
    send_to(here, "from here", "127.0.0.1", 9000);
    EXPECT(receive(server) == "from here");
  });
}

TEST_CASE("of the host's own services a guest reaches the resolver and nothing else", "[netns]") {
  in_new_namespace([] {
    Host host;
    must(apply_nat(host.plan));
    EXPECT(seen_as(Here(), "0.0.0.0", 22, *host.web, "172.16.0.1", 22) == "refused");
    EXPECT(seen_as(Here(), "0.0.0.0", 22, *host.web, "10.9.0.1", 22) == "refused");
    EXPECT(seen_as(Here(), "0.0.0.0", 22, host.world, "10.9.0.1", 22) == "10.9.0.2");  // others as before
    EXPECT(seen_as(Here(), "127.0.0.1", kDnsPort, *host.web, "172.16.0.1", 53) == "172.16.0.2");
    EXPECT(seen_as(Here(), "0.0.0.0", kDnsPort, *host.web, "172.16.0.1", kDnsPort) == "refused");
    host.web->run([] { sh("busybox ping -c 1 -W 60 172.16.0.1"); });

    const Fd dns = udp_at("127.0.0.1", kDnsPort);
    const Fd secret = udp_at("127.0.0.1", 7777);
    Fd guest;
    host.web->run([&] {
      guest = udp_at("0.0.0.0", 0);
      // The host's loopback by way of the gateway: what route_localnet alone would let in.
      sh("ip route add 127.0.0.9/32 via 172.16.0.1 dev eth0 || true; sysctl -qw net.ipv4.conf.eth0.route_localnet=1;"
         "ip route del local 127.0.0.0/8 table local; ip route del local 127.0.0.1 table local;"
         "ip route replace 127.0.0.0/8 via 172.16.0.1 dev eth0 src 172.16.0.2");
    });
    send_to(guest, "to loopback", "127.0.0.1", 7777);
    send_to(guest, "past the rules", "127.0.0.1", kDnsPort);
    send_to(guest, "as the rules lead", "172.16.0.1", 53);
    EXPECT(receive(dns) == "as the rules lead");
    const Fd own = udp_at("127.0.0.1", 0);
    send_to(own, "from the host", "127.0.0.1", 7777);
    EXPECT(receive(secret) == "from the host");
    sockaddr_in from{};
    socklen_t size = sizeof from;
    send_to(guest, "once more", "172.16.0.1", 53);
    char buffer[64];
    EXPECT(::recvfrom(dns.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size) == 9);
    EXPECT(::sendto(dns.get(), "answer", 6, 0, reinterpret_cast<sockaddr*>(&from), size) == 6);
    EXPECT(receive(guest) == "answer");
  });
}

TEST_CASE("a guest asks its gateway where another is, and is told by the resolver", "[netns]") {
  in_new_namespace([] {
    Host host;
    must(apply_nat(host.plan));
    uv::Loop loop;
    auto resolver = must(Resolver::listen(loop, *parse_ipv4("127.0.0.1"), kDnsPort));
    resolver->set_names({{"db", kDbAddress}});
    const Bytes asks = query("db.vm");
    Answer told;
    std::exception_ptr failure;
    std::thread client([&] {
      try {
        host.web->run([&] {
          const Fd fd = udp_at("0.0.0.0", 0);
          send_to(fd, {asks.begin(), asks.end()}, "172.16.0.1", 53);
          const std::string heard = receive(fd);
          told = read_answer(asks, {heard.begin(), heard.end()});
        });
      } catch (...) {
        failure = std::current_exception();
      }
      loop.post([&loop] { loop.stop(); });
    });
    loop.run();
    client.join();
    resolver.reset();
    loop.drain();
    if (failure) std::rethrow_exception(failure);
    EXPECT(told.address == "172.16.0.3");
  });
}

TEST_CASE("a guest can't send as somebody of another network", "[netns]") {
  in_new_namespace([] {
    Host host;
    must(apply_nat(host.plan));
    Fd world, guest, forged;
    host.world.run([&] { world = udp_at("10.9.0.2", 9); });
    host.web->run([&] {
      sh("ip addr add 192.0.2.1/32 dev eth0");
      forged = udp_at("192.0.2.1", 0);
      guest = udp_at("172.16.0.2", 0);
    });
    send_to(forged, "forged", "10.9.0.2", 9);
    send_to(guest, "honest", "10.9.0.2", 9);
    EXPECT(receive(world) == "honest");
  });
}

namespace {

// IPv6 sockets of this thread's namespace, and a datagram to `address` on the link `dev` (none: by the routes).
Fd udp6_at(std::uint16_t port) {
  Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  where.sin6_port = htons(port);
  EXPECT(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  return fd;
}
void send6(const std::string& text, const char* address, std::uint16_t port, const char* dev) {
  const Fd fd = udp6_at(0);
  sockaddr_in6 where{};
  where.sin6_family = AF_INET6;
  where.sin6_port = htons(port);
  where.sin6_scope_id = dev != nullptr ? ::if_nametoindex(dev) : 0;
  EXPECT(::inet_pton(AF_INET6, address, &where.sin6_addr) == 1);
  EXPECT(::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&where), sizeof where) > 0);
}

}  // namespace

TEST_CASE("over IPv6 a guest reaches neither the host nor the world behind it", "[netns]") {
  in_new_namespace([] {
    Host host;
    sh("sysctl -qw net.ipv6.conf.all.forwarding=1; ip addr add fd01::1/64 dev br-banger nodad;"
       "ip addr add fd02::1/64 dev up0 nodad");
    host.world.run([] { sh("ip addr add fd02::2/64 dev eth0 nodad; ip route add fd01::/64 via fd02::1"); });
    const std::string gateway = sh("ip -br link show br-banger | awk '{ printf $3 }'");
    host.web->run([&] {
      sh("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0; ip addr add fe80::2/64 dev eth0 nodad;"
         "ip addr add fd01::2/64 dev eth0 nodad; ip neigh replace fd01::1 lladdr " + gateway + " dev eth0;"
         "ip route add fd02::/64 via fd01::1");
    });
    const Fd here = udp6_at(7001);
    Fd world;
    host.world.run([&] { world = udp6_at(7002); });
    const auto tell = [&](const std::string& text) {
      host.web->run([&] {
        send6(text, "ff02::1", 7001, "eth0");  // all that are on the link: the host is one of them
        send6(text, "fd02::2", 7002, nullptr);
      });
    };
    tell("without rules");
    EXPECT(receive(here) == "without rules");
    EXPECT(receive(world) == "without rules");

    must(apply_nat(host.plan));
    const Fd dns = udp_at("127.0.0.1", kDnsPort);
    Fd guest;
    host.web->run([&] { guest = udp_at("172.16.0.2", 0); });
    tell("with rules");
    send_to(guest, "that is all", "172.16.0.1", 53);
    EXPECT(receive(dns) == "that is all");
    send6("from here", "::1", 7001, nullptr);
    send6("from here", "fd02::2", 7002, nullptr);
    EXPECT(receive(here) == "from here");
    EXPECT(receive(world) == "from here");
  });
}

namespace {

// Whether a datagram of `from` reaches `to` by way of the gateway, where bridge ports' isolation doesn't see it. What
// the guest tells the host's resolver afterwards, and the host the other guest then, can't overtake it.
bool reaches_by_gateway(const Guest& from, const Guest& to, const Fd& dns) {
  Fd listens, sends;
  to.run([&] { listens = udp_at("0.0.0.0", 7000); });
  from.run([&] {
    sh("sysctl -qw net.ipv4.conf.eth0.accept_redirects=0 net.ipv4.conf.all.accept_redirects=0;"
       "ip route replace " + to.address() + "/32 via 172.16.0.1 dev eth0");
    sends = udp_at("0.0.0.0", 0);
  });
  send_to(sends, "by the gateway", to.address(), 7000);
  send_to(sends, "that is all", "172.16.0.1", 53);
  EXPECT(receive(dns) == "that is all");
  const Fd here = udp_at("172.16.0.1", 0);
  send_to(here, "from the host", to.address(), 7000);
  const bool reached = receive(listens) == "by the gateway";
  if (reached) EXPECT(receive(listens) == "from the host");  // or the next call would hear it
  return reached;
}

}  // namespace

TEST_CASE("an isolated guest doesn't reach another by way of the host, an open one does", "[netns]") {
  in_new_namespace([] {
    Host host;
    sh("busybox ping -c 1 -W 60 172.16.0.2 >/dev/null; busybox ping -c 1 -W 60 172.16.0.3 >/dev/null");  // addresses known: nothing waits for ARP
    must(apply_nat(host.plan));
    const Fd dns = udp_at("127.0.0.1", kDnsPort);
    EXPECT(!reaches_by_gateway(*host.web, *host.db, dns));
    host.plan.open_guests = {kWebAddress};
    must(apply_nat(host.plan));
    EXPECT(reaches_by_gateway(*host.web, *host.db, dns));
    EXPECT(reaches_by_gateway(*host.db, *host.web, dns));
    host.plan.open_guests.clear();
    must(apply_nat(host.plan));
    EXPECT(!reaches_by_gateway(*host.db, *host.web, dns));
  });
}
