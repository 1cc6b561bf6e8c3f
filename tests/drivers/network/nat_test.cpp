// What the rules do to packets: a host, its guests behind taps, and a world outside it, each a namespace of the test.
#include "drivers/network/nat.h"

#include <arpa/inet.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include "drivers/network/bridge.h"
#include "drivers/network/tap.h"
#include "tests/catch.h"
#include "tests/drivers/network/guest.h"
#include "tests/drivers/network/namespaces.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr StoreId kStore{0x0123456789abcdef, 0xfedcba9876543210};
constexpr StoreId kOther{1, 2};
constexpr VmId kWeb{0xa1}, kDb{0xb2};
constexpr Ipv4 kWebAddress{0xac10'0002}, kDbAddress{0xac10'0003};
constexpr std::uint16_t kDnsPort = 5354;

bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// nftables as somebody else would use it.
std::string nft(const std::string& commands) {
  nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
  nft_ctx_buffer_output(context);
  nft_ctx_buffer_error(context);
  const int rc = nft_run_cmd_from_buffer(context, commands.c_str());
  const std::string said = rc == 0 ? nft_ctx_get_output_buffer(context) : nft_ctx_get_error_buffer(context);
  nft_ctx_free(context);
  if (rc != 0) throw std::runtime_error(said);
  return said;
}

Published publish(Ipv4 guest, std::string address, std::uint16_t port, std::uint16_t guest_port,
                  Protocol protocol = Protocol::kTcp) {
  return {guest, {.host_address = std::move(address), .host_port = port, .guest_port = guest_port, .protocol = protocol}};
}

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

    // Not for guests: what they may reach of each other is isolation's business.
    EXPECT(ask(*host.db, *host.web, "10.9.0.1", 8082) == "refused");
    EXPECT(ask(*host.db, *host.web, "172.16.0.1", 8081) == "refused");

    host.plan.published.clear();
    must(apply_nat(host.plan));
    EXPECT(ask(*host.web, Here(), "127.0.0.1", 8080) == "refused");
    EXPECT(ask(*host.web, host.world, "10.9.0.1", 8081) == "refused");
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
  return receive(listens) == "by the gateway";
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

TEST_CASE("a table that was changed, taken away or put there by another is noticed", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge({.store = kStore}));
    NatPlan plan{.store = kStore, .published = {publish(kWebAddress, "127.0.0.1", 8080, 80)}};
    const AppliedNat applied = must(apply_nat(plan));
    EXPECT(must(compare_nat(applied)) == NatState::kAsApplied);
    const auto changed_by = [&](const std::string& commands) {
      nft(commands);
      const bool changed = must(compare_nat(applied)) == NatState::kChanged;
      EXPECT(must(compare_nat(must(apply_nat(plan)))) == NatState::kAsApplied);
      EXPECT(must(compare_nat(applied)) == NatState::kAsApplied);  // made the same again
      return changed;
    };
    EXPECT(changed_by("add rule inet banger input accept"));
    EXPECT(changed_by("flush chain inet banger output"));
    EXPECT(changed_by("add element inet banger open_guests { 172.16.0.9 }"));
    EXPECT(changed_by("add chain inet banger more"));
    sh("sysctl -qw net.ipv4.ip_forward=0");
    EXPECT(must(compare_nat(applied)) == NatState::kChanged);
    EXPECT(must(apply_nat(plan)).turned_forwarding_on);
    sh("sysctl -qw net.ipv4.conf.br-banger.route_localnet=0");
    EXPECT(must(compare_nat(applied)) == NatState::kChanged);
    nft("delete table inet banger");
    EXPECT(must(compare_nat(applied)) == NatState::kMissing);
    nft("table inet banger { comment \"theirs\"\n }");
    EXPECT(must(compare_nat(applied)) == NatState::kForeign);
  });
}

TEST_CASE("others' tables stay as they are, and one of our name that isn't ours is refused", "[netns]") {
  in_new_namespace([] {
    must(ensure_bridge({.store = kStore}));
    nft("table inet theirs { chain forward { type filter hook forward priority filter; policy accept;\n"
        "tcp dport 1 drop\n}\n}\ntable ip banger { chain x { }\n}");
    const std::string theirs = nft("list ruleset");
    const NatPlan plan{.store = kStore};
    must(apply_nat(plan));
    must(remove_nat(kStore, "br-banger"));
    must(remove_nat(kStore, "br-banger"));
    EXPECT(nft("list ruleset") == theirs);
    EXPECT(says(sh("sysctl net.ipv4.conf.br-banger.route_localnet"), "= 0"));

    for (const char* foreign : {"table inet banger { chain x { }\n}", "table inet banger { comment \"theirs\"\n }",
                                "table inet banger { comment \"banger:00000000000000010000000000000002\"\n }"}) {
      nft(foreign);
      const std::string before = nft("list ruleset");
      EXPECT(says(error_of(apply_nat(plan)), "is not this banger's"));
      EXPECT(says(error_of(remove_nat(kStore, "br-banger")), "is not this banger's"));
      EXPECT(nft("list ruleset") == before);
      nft("delete table inet banger");
    }
    EXPECT(says(error_of(apply_nat({.store = kStore, .bridge = "nowhere"})), "nowhere/route_localnet"));
    EXPECT(nft("list ruleset") == theirs);

    must(apply_nat(plan));
    must(remove_bridge(kStore, "br-banger"));  // in the wrong order: the table still goes
    must(remove_nat(kStore, "br-banger"));
    EXPECT(nft("list ruleset") == theirs);
    must(ensure_bridge({.store = kOther}));
    EXPECT(must(apply_nat({.store = kOther})).listing.find("0000000000000002") != std::string::npos);
  });
}
