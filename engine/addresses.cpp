#include "engine/addresses.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace banger {
namespace {

constexpr std::uint8_t kShortestPrefix = 8;
constexpr std::uint8_t kLongestPrefix = 30;

// A decimal number up to `most` without a leading zero, taken off the front of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || value > most || (digits > 1 && text.front() == '0')) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

std::uint32_t mask_of(std::uint8_t prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - std::min<std::uint8_t>(prefix, 32));
}

struct Block {
  std::uint32_t network;
  std::uint8_t prefix;
};
// RFC 1918, section 3, and RFC 6598, section 7.
constexpr std::array<Block, 4> kPrivate{{{0x0a00'0000, 8}, {0xac10'0000, 12}, {0xc0a8'0000, 16}, {0x6440'0000, 10}}};

std::unexpected<Rejection> invalid(std::string message) {
  return std::unexpected(Rejection{Refusal::kInvalid, std::move(message), "use 172.16.0.1/24, or another private subnet"});
}

}  // namespace

std::string Ipv4::text() const {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    text += std::to_string((value >> shift) & 0xff);
    if (shift > 0) text += '.';
  }
  return text;
}

std::optional<Ipv4> parse_ipv4(std::string_view text) {
  Ipv4 address;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (!text.starts_with('.')) return std::nullopt;
      text.remove_prefix(1);
    }
    const auto number = take_number(text, 255);
    if (!number) return std::nullopt;
    address.value = address.value << 8 | *number;
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

std::uint32_t Subnet::mask() const { return mask_of(prefix); }

bool Subnet::may_be_guest(Ipv4 address) const {
  return contains(address) && address != network() && address != broadcast() && address != gateway;
}

std::uint32_t Subnet::capacity() const {
  const std::uint32_t all_but_the_first = ~mask();
  return all_but_the_first < 2 ? 0 : all_but_the_first - 2;
}

std::optional<Ipv4> Subnet::nth(std::uint32_t n) const {
  if (n >= capacity()) return std::nullopt;
  const Ipv4 address{network().value + 1 + n};
  return address < gateway ? address : Ipv4{address.value + 1};
}

std::string Subnet::text() const { return gateway.text() + "/" + std::to_string(prefix); }

std::string Subnet::network_text() const { return network().text() + "/" + std::to_string(prefix); }

std::expected<void, Rejection> check_subnet(const Subnet& subnet) {
  if (subnet.prefix < kShortestPrefix || subnet.prefix > kLongestPrefix) {
    return invalid("a subnet for guests is /8 to /30, and /" + std::to_string(subnet.prefix) + " was asked for");
  }
  if (subnet.gateway == subnet.network() || subnet.gateway == subnet.broadcast()) {
    return invalid(subnet.gateway.text() + " can't be the bridge's address: it names all of " + subnet.network_text());
  }
  const bool is_private = std::ranges::any_of(kPrivate, [&](const Block& block) {
    return subnet.prefix >= block.prefix && (subnet.gateway.value & mask_of(block.prefix)) == block.network;
  });
  if (!is_private) {
    return invalid(subnet.network_text() + " is not private address space, and hosts there could no longer be reached");
  }
  return {};
}

std::expected<Subnet, Rejection> parse_subnet(std::string_view text) {
  const auto bad = [&] { return invalid("'" + std::string(text) + "' is no address and prefix such as 172.16.0.1/24"); };
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return bad();
  const auto gateway = parse_ipv4(text.substr(0, slash));
  std::string_view rest = text.substr(slash + 1);
  const auto prefix = take_number(rest, 32);
  if (!gateway || !prefix || !rest.empty()) return bad();
  const Subnet subnet{*gateway, static_cast<std::uint8_t>(*prefix)};
  if (auto checked = check_subnet(subnet); !checked) return std::unexpected(std::move(checked).error());
  return subnet;
}

bool overlap(const Subnet& one, const Subnet& other) {
  return one.prefix <= other.prefix ? one.contains(other.gateway) : other.contains(one.gateway);
}

std::expected<Ipv4, Rejection> free_address(const Subnet& subnet, const std::set<Ipv4>& taken) {
  // At most one step for each that is taken, and one more: the first gap ends it.
  for (std::uint32_t n = 0; n < subnet.capacity(); ++n) {
    const auto address = subnet.nth(n);
    if (!taken.contains(*address)) return *address;
  }
  return std::unexpected(Rejection{Refusal::kExhausted,
                                   "all " + std::to_string(subnet.capacity()) + " addresses of " +
                                       subnet.network_text() + " are taken",
                                   "delete a VM that is no longer needed (bangerctl vm ls), or configure a larger subnet"});
}

}  // namespace banger
