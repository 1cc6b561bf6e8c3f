#include "cli/bangerctl/sizes.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace banger::ctl {
namespace {

constexpr std::size_t kMaxFraction = 9;  // digits after the point; more says nothing
constexpr std::size_t kLongestQuote = 80;

std::string quoted(std::string_view text) {
  std::string quote = "'" + std::string(text.substr(0, kLongestQuote));
  return quote + (text.size() > kLongestQuote ? "...'" : "'");
}

std::optional<std::uint64_t> whole(std::string_view digits) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

struct Decimal {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;  // of `scale`
  std::uint64_t scale = 1;
};

// Splits "1.5GiB" into its number and "GiB".
std::optional<Decimal> take_decimal(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  const auto point = std::min(number.find('.'), number.size());
  Decimal decimal;
  const auto before = whole(number.substr(0, point));
  if (!before) return std::nullopt;
  decimal.whole = *before;
  if (point == number.size()) return decimal;
  const std::string_view after = number.substr(point + 1);
  const auto fraction = whole(after);
  if (!fraction || after.size() > kMaxFraction) return std::nullopt;
  decimal.fraction = *fraction;
  for (std::size_t i = 0; i < after.size(); ++i) decimal.scale *= 10;
  return decimal;
}

// The decimal times `unit`, or nothing where that overflows or is no whole number.
std::optional<std::uint64_t> times(const Decimal& decimal, std::uint64_t unit) {
  const unsigned __int128 product =
      static_cast<unsigned __int128>(decimal.whole) * unit * decimal.scale +
      static_cast<unsigned __int128>(decimal.fraction) * unit;
  if (product % decimal.scale != 0) return std::nullopt;
  const unsigned __int128 value = product / decimal.scale;
  if (value > std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::optional<std::uint64_t> bytes_of_unit(std::string_view unit) {
  if (unit.empty()) return 1ULL << 20;
  constexpr std::string_view kLetters = "kmgt";
  const char letter = static_cast<char>(unit.front() | 0x20);
  const auto place = kLetters.find(letter);
  const std::string_view rest = unit.substr(1);
  if (letter == 'b' && rest.empty()) return 1;
  if (place == std::string_view::npos || !(rest.empty() || rest == "iB" || rest == "ib")) {
    return std::nullopt;
  }
  return 1ULL << (10 * (place + 1));
}

Result<std::uint16_t> parse_port_number(std::string_view text, std::string_view all) {
  const auto value = whole(text);
  if (!value || *value == 0 || *value > 65535) {
    return fail(quoted(all) + " is no port to publish: " + quoted(text) +
                " is not a port from 1 to 65535");
  }
  return static_cast<std::uint16_t>(*value);
}

bool is_address(const std::string& text) {
  std::array<unsigned char, 16> ignored{};
  return ::inet_pton(AF_INET, text.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), ignored.data()) == 1;
}

// Takes the address off the front of "ADDR:rest"; false where it is none.
bool take_address(std::string_view& text, std::string& address) {
  std::size_t colon = 0;
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos || text.substr(bracket + 1, 1) != ":") return false;
    address = text.substr(1, bracket - 1);
    colon = bracket + 1;
  } else {
    colon = text.find(':');
    if (text.find(':', colon + 1) == std::string_view::npos) return true;  // HOSTPORT:GUESTPORT
    address = text.substr(0, colon);
  }
  text.remove_prefix(colon + 1);
  return is_address(address);
}

}  // namespace

Result<std::uint64_t> parse_count(std::string_view text) {
  const auto value = whole(text);
  if (!value) return fail(quoted(text) + " is not a number");
  return *value;
}

Result<std::uint64_t> parse_size_mib(std::string_view text) {
  std::string_view unit = text;
  const auto decimal = take_decimal(unit);
  const auto bytes = bytes_of_unit(unit);
  if (!decimal || !bytes) {
    return fail(quoted(text) + " is no size: write it like 512M, 1.5G or 4GiB (powers of 1024)");
  }
  const auto size = times(*decimal, *bytes);
  if (!size) return fail(quoted(text) + " is no whole number of bytes below 16 EiB");
  if (*size % (1 << 20) != 0) return fail(quoted(text) + " is no whole number of MiB");
  return *size >> 20;
}

Result<std::uint64_t> parse_duration_ms(std::string_view text) {
  std::string_view unit = text;
  const auto decimal = take_decimal(unit);
  std::uint64_t scale = 0;
  if (unit.empty() || unit == "s") scale = 1000;
  if (unit == "ms") scale = 1;
  if (unit == "m") scale = 60'000;
  if (unit == "h") scale = 3'600'000;
  const auto value = decimal && scale != 0 ? times(*decimal, scale) : std::nullopt;
  if (!value) return fail(quoted(text) + " is no duration: write it like 90, 1.5s, 5m or 2h");
  return *value;
}

Result<PortForward> parse_port(std::string_view text) {
  PortForward forward;
  std::string_view rest = text;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    const std::string_view protocol = rest.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      return fail(quoted(text) + " is no port to publish: " + quoted(protocol) +
                  " is neither tcp nor udp");
    }
    forward.protocol = protocol == "udp" ? Protocol::kUdp : Protocol::kTcp;
    rest = rest.substr(0, slash);
  }
  if (rest.find(':') != std::string_view::npos) {
    if (!take_address(rest, forward.host_address)) {
      return fail(quoted(text) +
                  " is no port to publish: write it like 8080:80, "
                  "127.0.0.1:8080:80 or 5353:53/udp");
    }
    const auto colon = rest.find(':');
    const std::string_view host = rest.substr(0, std::min(colon, rest.size()));
    // "ADDR::80" and "[::1]:80" leave the host's port to banger.
    if (colon != std::string_view::npos && !host.empty()) {
      const auto port = parse_port_number(host, text);
      if (!port) return std::unexpected(port.error());
      forward.host_port = *port;
    }
    if (colon != std::string_view::npos) rest.remove_prefix(colon + 1);
  }
  const auto guest = parse_port_number(rest, text);
  if (!guest) return std::unexpected(guest.error());
  forward.guest_port = *guest;
  return forward;
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  std::uint64_t scale = 1;
  while (unit + 1 < kUnits.size() && bytes / scale >= 1024) {
    scale <<= 10;
    ++unit;
  }
  const std::uint64_t tenths = bytes % scale * 10 / scale;  // below 10 * 2^60: no overflow
  std::string text = std::to_string(bytes / scale);
  if (tenths != 0) text += "." + std::to_string(tenths);
  return text + " " + kUnits[unit];
}

std::string format_mib(std::uint64_t mib) {
  if (mib >= std::numeric_limits<std::uint64_t>::max() >> 20) return std::to_string(mib) + " MiB";
  return format_bytes(mib << 20);
}

std::string format_port(const PortForward& forward) {
  const bool v6 = forward.host_address.find(':') != std::string::npos;
  const std::string address = v6 ? "[" + forward.host_address + "]" : forward.host_address;
  return address + ":" + std::to_string(forward.host_port) + "->" +
         std::to_string(forward.guest_port) + "/" + std::string(name_of(forward.protocol));
}

}  // namespace banger::ctl
