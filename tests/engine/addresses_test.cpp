#include "engine/addresses.h"

#include "tests/catch.h"

using namespace banger;

TEST_CASE("an IPv4 address is read as it is written, and in no other way") {
  for (const char* good : {"0.0.0.0", "127.0.0.1", "172.16.0.1", "255.255.255.255", "10.0.200.7"}) {
    INFO(good);
    REQUIRE(parse_ipv4(good));
    CHECK(parse_ipv4(good)->text() == good);
  }
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", "010.0.0.1", "1.2.3.04",
                          "00.0.0.0", "-1.2.3.4", "+1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..2.3", "0x7f.0.0.1",
                          "1.2.3.99999999999", "::1", "1.2.3.4/24", "a.b.c.d"}) {
    INFO(bad);
    CHECK_FALSE(parse_ipv4(bad));
  }
  CHECK(parse_ipv4("127.0.0.1")->value == 0x7f00'0001);
  CHECK(parse_ipv4("127.255.0.1")->loopback());
  CHECK_FALSE(parse_ipv4("128.0.0.1")->loopback());
}

TEST_CASE("a subnet is a gateway and a prefix, private, and neither too large nor too small") {
  for (const char* good : {"172.16.0.1/24", "10.0.0.1/8", "192.168.7.254/24", "100.64.0.1/10", "172.31.255.1/29",
                           "10.9.8.1/30", "172.16.0.1/12"}) {
    INFO(good);
    const auto subnet = parse_subnet(good);
    REQUIRE(subnet);
    CHECK(subnet->text() == good);
  }
  for (const char* bad : {"", "172.16.0.1", "172.16.0.1/", "172.16.0.1/024", "172.16.0.1/33", "172.16.0.1/31",
                          "10.0.0.1/7", "172.16.0.0/24", "172.16.0.255/24", "8.8.8.1/24", "127.0.0.1/8", "169.254.0.1/16",
                          "172.32.0.1/24", "172.16.0.1/11", "224.0.0.1/24", "172.16.0.1/24x", "/24"}) {
    INFO(bad);
    const auto subnet = parse_subnet(bad);
    REQUIRE_FALSE(subnet);
    CHECK(subnet.error().kind == Refusal::kInvalid);
    CHECK_FALSE(subnet.error().hint.empty());
  }
}

TEST_CASE("a /24 has 253 guests, around its gateway") {
  const auto subnet = parse_subnet("172.16.0.1/24").value();
  CHECK(subnet == Subnet{});
  CHECK(subnet.network().text() == "172.16.0.0");
  CHECK(subnet.network_text() == "172.16.0.0/24");
  CHECK(subnet.broadcast().text() == "172.16.0.255");
  CHECK(subnet.capacity() == 253);
  CHECK(subnet.nth(0)->text() == "172.16.0.2");
  CHECK(subnet.nth(252)->text() == "172.16.0.254");
  CHECK_FALSE(subnet.nth(253));
  CHECK(subnet.contains(*parse_ipv4("172.16.0.77")));
  CHECK_FALSE(subnet.contains(*parse_ipv4("172.16.1.0")));
  CHECK(subnet.may_be_guest(*parse_ipv4("172.16.0.2")));
  for (const char* no : {"172.16.0.0", "172.16.0.1", "172.16.0.255", "172.16.1.2"}) {
    CHECK_FALSE(subnet.may_be_guest(*parse_ipv4(no)));
  }

  const auto in_the_middle = parse_subnet("192.168.1.4/29").value();
  std::set<Ipv4> all;
  for (std::uint32_t n = 0; n < in_the_middle.capacity(); ++n) all.insert(*in_the_middle.nth(n));
  CHECK(all.size() == 5);
  for (const Ipv4 address : all) CHECK(in_the_middle.may_be_guest(address));
}

TEST_CASE("subnets overlap when one holds the other") {
  const auto at = [](const char* text) { return parse_subnet(text).value(); };
  CHECK(overlap(at("172.16.0.1/24"), at("172.16.0.9/24")));
  CHECK(overlap(at("172.16.0.1/12"), at("172.17.0.1/16")));
  CHECK(overlap(at("172.17.0.1/16"), at("172.16.0.1/12")));
  CHECK_FALSE(overlap(at("172.16.0.1/24"), at("172.16.1.1/24")));
  CHECK_FALSE(overlap(at("10.0.0.1/8"), at("192.168.0.1/16")));
}

TEST_CASE("a /29 gives its five addresses in order, and then refuses and says what to do") {
  const auto subnet = parse_subnet("172.16.0.1/29").value();
  std::set<Ipv4> taken;
  for (const char* next : {"172.16.0.2", "172.16.0.3", "172.16.0.4", "172.16.0.5", "172.16.0.6"}) {
    const auto address = free_address(subnet, taken);
    REQUIRE(address);
    CHECK(address->text() == next);
    taken.insert(*address);
  }
  const auto none = free_address(subnet, taken);
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == Refusal::kExhausted);
  CHECK(none.error().message == "all 5 addresses of 172.16.0.0/29 are taken");
  CHECK(none.error().hint.find("vm ls") != std::string::npos);

  taken.erase(*parse_ipv4("172.16.0.4"));
  CHECK(free_address(subnet, taken)->text() == "172.16.0.4");
  taken.insert(*parse_ipv4("10.0.0.1"));  // somebody else's, from before the subnet was changed: of no account
  CHECK(free_address(subnet, taken)->text() == "172.16.0.4");
}

TEST_CASE("a network may be all addresses or one: a host's routes have such") {
  const Subnet all{{0x0a00'0001}, 0};
  const Subnet one{{0xac10'0001}, 32};
  CHECK(all.mask() == 0);
  CHECK(overlap(all, one));
  CHECK(overlap(one, all));
  CHECK(one.capacity() == 0);
  CHECK_FALSE(one.nth(0));
  CHECK_FALSE(free_address(one, {}));
}
