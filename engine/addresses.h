// IPv4 addresses and the subnet that bridged guests live in: pure arithmetic. Used by decide, which gives each VM
// an address, and by drivers/network, which gives the bridge its own. It asks nobody what is in use: callers say.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/refusal.h"

namespace banger {

struct Ipv4 {
  std::uint32_t value = 0;  // in the host's byte order: 127.0.0.1 is 0x7f000001

  friend auto operator<=>(const Ipv4&, const Ipv4&) = default;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool loopback() const { return value >> 24 == 127; }
};

// Four decimal numbers without leading zeros (some readers take "010" for 8), and nothing around them.
[[nodiscard]] std::optional<Ipv4> parse_ipv4(std::string_view text);

// The bridge's own address, which is the guests' gateway, and how many bits of it name the network.
struct Subnet {
  Ipv4 gateway{0xac10'0001};  // 172.16.0.1
  std::uint8_t prefix = 24;

  friend auto operator<=>(const Subnet&, const Subnet&) = default;
  [[nodiscard]] std::uint32_t mask() const;
  [[nodiscard]] Ipv4 network() const { return {gateway.value & mask()}; }
  [[nodiscard]] Ipv4 broadcast() const { return {gateway.value | ~mask()}; }
  [[nodiscard]] bool contains(Ipv4 address) const { return (address.value & mask()) == network().value; }
  // Contained, and neither the network, the broadcast address nor the gateway.
  [[nodiscard]] bool may_be_guest(Ipv4 address) const;
  // How many guests it has addresses for: a /24 has 253.
  [[nodiscard]] std::uint32_t capacity() const;
  // The n-th of those addresses in ascending order, from 0; nothing from capacity() on.
  [[nodiscard]] std::optional<Ipv4> nth(std::uint32_t n) const;
  [[nodiscard]] std::string text() const;          // "172.16.0.1/24"
  [[nodiscard]] std::string network_text() const;  // "172.16.0.0/24"
};

// Whether guests may live in it: /8 to /30, the gateway a host of it, and all of it private (RFC 1918) or shared
// (RFC 6598) address space, because anything else is somebody's that this host could then no longer reach.
[[nodiscard]] std::expected<void, Rejection> check_subnet(const Subnet& subnet);

// "172.16.0.1/24": the gateway and the prefix, checked.
[[nodiscard]] std::expected<Subnet, Rejection> parse_subnet(std::string_view text);

// Whether some address is in both.
[[nodiscard]] bool overlap(const Subnet& one, const Subnet& other);

// The lowest address that is not taken; none left is a refusal of kind kExhausted.
[[nodiscard]] std::expected<Ipv4, Rejection> free_address(const Subnet& subnet, const std::set<Ipv4>& taken);

}  // namespace banger
