// The text alone: what is in it, what is refused. That nftables takes it, and what it does to packets, is nat_test.cpp's.
#include "drivers/network/nat.h"
#include "tests/catch.h"
#include "tests/drivers/network/nat_support.h"

using namespace banger;
using namespace banger::network;
using namespace banger::network::test;

namespace {

constexpr StoreId kOwner{1, 2};
constexpr Ipv4 kWeb = kWebAddress, kDb = kDbAddress;

NatPlan plan() { return {.store = kOwner}; }

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string refusal(const NatPlan& plan) {
  const auto text = ruleset_text(plan);
  REQUIRE_FALSE(text);
  return text.error().message;
}

}  // namespace

TEST_CASE("the whole ruleset of a plan with everything in it") {
  NatPlan full = plan();
  full.open_guests = {kDb, kWeb, kDb};
  full.published = {publish(kWeb, "127.0.0.1", 8080, 80), publish(kDb, "0.0.0.0", 53, 5353, Protocol::kUdp),
                    publish(kDb, "192.0.2.7", 8080, 443)};
  full.dns_port = 5354;
  CHECK(ruleset_text(full).value() == R"(table inet banger
delete table inet banger
table inet banger {
	comment "banger:00000000000000010000000000000002"
	set open_guests {
		type ipv4_addr
		elements = { 172.16.0.2, 172.16.0.3 }
	}
	chain early {
		type filter hook prerouting priority raw; policy accept;
		iifname "br-banger" ip saddr != 172.16.0.0/24 drop
		iifname "br-banger" ip daddr 127.0.0.0/8 drop
	}
	chain input {
		type filter hook input priority filter; policy accept;
		iifname != "br-banger" accept
		meta nfproto ipv6 drop
		ct state established,related accept
		icmp type echo-request accept
		ip daddr 127.0.0.1 udp dport 5354 accept
		ip daddr 127.0.0.1 tcp dport 5354 accept
		reject
	}
	chain between_guests {
		ip saddr @open_guests accept
		ip daddr @open_guests accept
		drop
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname "br-banger" oifname "br-banger" jump between_guests
		iifname != "br-banger" oifname != "br-banger" accept
		meta nfproto ipv6 drop
		ct state established,related accept
		iifname "br-banger" accept
		ct status dnat ip daddr 172.16.0.3 udp dport 5353 accept
		ct status dnat ip daddr 172.16.0.3 tcp dport 443 accept
		reject
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "br-banger" ip daddr 172.16.0.1 udp dport 53 dnat ip to 127.0.0.1:5354
		iifname "br-banger" ip daddr 172.16.0.1 tcp dport 53 dnat ip to 127.0.0.1:5354
		iifname "br-banger" accept
		fib daddr type local udp dport 53 dnat ip to 172.16.0.3:5353
		ip daddr 192.0.2.7 tcp dport 8080 dnat ip to 172.16.0.3:443
	}
	chain output {
		type nat hook output priority -100; policy accept;
		ip daddr 127.0.0.1 tcp dport 8080 dnat ip to 172.16.0.2:80
		fib daddr type local udp dport 53 dnat ip to 172.16.0.3:5353
		ip daddr 192.0.2.7 tcp dport 8080 dnat ip to 172.16.0.3:443
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "br-banger" ip saddr 127.0.0.0/8 masquerade
		ip saddr 172.16.0.0/24 oifname != "br-banger" masquerade
	}
}
)");
}

TEST_CASE("without DNS and masquerade there are no rules for them") {
  NatPlan bare = plan();
  bare.masquerade = false;
  const std::string text = ruleset_text(bare).value();
  CHECK_FALSE(has(text, "dport 53"));
  CHECK_FALSE(has(text, "oifname != \"br-banger\" masquerade"));
  CHECK_FALSE(has(text, "elements"));
}

TEST_CASE("a plan that makes no sense is refused, and nothing of it gets into the text") {
  NatPlan bad = plan();
  for (const char* name : {"", "all", "br\"; flush ruleset; #", "br banger", "a-name-that-is-too-long"}) {
    bad.bridge = name;
    CHECK(has(refusal(bad), "can't be the bridge's name"));
  }
  bad = plan();
  bad.subnet = {{0x0808'0801}, 24};
  CHECK(has(refusal(bad), "not private"));
  bad = plan();
  bad.open_guests = {{0xac10'0001}};
  CHECK(has(refusal(bad), "172.16.0.1 is no guest's address in 172.16.0.0/24"));
  bad = plan();
  bad.published = {publish({0xac10'0102}, "127.0.0.1", 80, 80)};
  CHECK(has(refusal(bad), "172.16.1.2 is no guest's address"));
  for (const char* address : {"", "localhost", "127.0.0.1; flush", "224.0.0.1", "255.255.255.255", "::1"}) {
    bad.published = {publish(kWeb, address, 80, 80)};
    CHECK(has(refusal(bad), "is no address of a host to publish 80/tcp on"));
  }
  for (const auto& [host, guest] : {std::pair{0, 80}, std::pair{80, 0}}) {
    bad.published = {publish(kWeb, "127.0.0.1", static_cast<std::uint16_t>(host), static_cast<std::uint16_t>(guest))};
    CHECK(has(refusal(bad), "1 to 65535"));
  }
  bad.published.assign(kMaxPublishedPorts + 1, publish(kWeb, "127.0.0.1", 80, 80));
  CHECK(has(refusal(bad), "more than 4096"));
}

TEST_CASE("a port is published once, and everywhere is every address") {
  const std::vector<std::pair<Published, Published>> twice = {
      {publish(kWeb, "127.0.0.1", 80, 80), publish(kDb, "127.0.0.1", 80, 81)},
      {publish(kWeb, "0.0.0.0", 80, 80), publish(kDb, "127.0.0.1", 80, 81)},
      {publish(kWeb, "192.0.2.7", 80, 80), publish(kDb, "0.0.0.0", 80, 81)},
      {publish(kWeb, "0.0.0.0", 80, 80), publish(kDb, "0.0.0.0", 80, 81)}};
  for (const auto& [one, other] : twice) {
    NatPlan bad = plan();
    bad.published = {one, other};
    CHECK(has(refusal(bad), "port 80/tcp of " + other.forward.host_address + " is published twice"));
  }
  NatPlan good = plan();
  good.published = {publish(kWeb, "127.0.0.1", 80, 80), publish(kDb, "192.0.2.7", 80, 80),
                    publish(kDb, "0.0.0.0", 80, 80, Protocol::kUdp), publish(kDb, "0.0.0.0", 81, 80)};
  CHECK(ruleset_text(good));
}
