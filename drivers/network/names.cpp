#include "drivers/network/names.h"

#include <algorithm>

namespace banger::network {
namespace {

constexpr std::string_view kPrefix = "bg";
constexpr std::string_view kMark = "banger:";
constexpr std::size_t kHashDigits = kMaxLinkName - kPrefix.size();
constexpr std::size_t kStoreDigits = 32;

// splitmix64's finalizer: every bit of what goes in moves every bit that comes out. Ids are random, so it need
// not withstand anybody who chooses them.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string derived(StoreId store, std::uint64_t id) {
  const std::uint64_t hash = mix(mix(mix(store.hi) ^ store.lo) ^ id);
  return std::string(kPrefix) + to_hex(hash).substr(0, kHashDigits);
}

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string tap_name(StoreId store, VmId vm) { return derived(store, vm.value); }

std::string half_made_bridge_name(StoreId store) { return derived(store, 0); }  // no VM has id 0

bool looks_derived(std::string_view name) {
  return name.size() == kMaxLinkName && name.starts_with(kPrefix) &&
         std::ranges::all_of(name.substr(kPrefix.size()), [](char c) { return digit(c) || (c >= 'a' && c <= 'f'); });
}

bool valid_link_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxLinkName || !letter(name.front())) return false;
  if (name == "lo" || name == "all" || name == "default") return false;
  return std::ranges::all_of(name, [](char c) { return letter(c) || digit(c) || c == '-' || c == '_' || c == '.'; });
}

std::string alias_of(const Mark& mark) {
  std::string alias = std::string(kMark) + mark.store.hex();
  if (mark.vm) alias += ":" + mark.vm.hex();
  return alias;
}

std::optional<Mark> parse_alias(std::string_view alias) {
  if (!alias.starts_with(kMark)) return std::nullopt;
  const std::string_view rest = alias.substr(kMark.size());
  const auto store = StoreId::parse(rest.substr(0, kStoreDigits));
  if (!store) return std::nullopt;
  Mark mark{*store, {}};
  if (rest.size() > kStoreDigits) mark.vm = VmId::parse(rest.substr(kStoreDigits + 1)).value_or(VmId{});
  // Written again it must be the same.
  if (alias_of(mark) != alias) return std::nullopt;
  return mark;
}

}  // namespace banger::network
