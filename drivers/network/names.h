// How links of ours are called and marked, so that each can be found, and proved to be ours, without asking
// anybody (rule: names derive from ids). Pure. What it gives never changes: hosts hold links with these names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace banger::network {

inline constexpr std::size_t kMaxLinkName = 15;  // IFNAMSIZ without its NUL

// "bg" and 13 hex digits of a hash of both ids.
[[nodiscard]] std::string tap_name(StoreId store, VmId vm);
// What a bridge is called until its alias says whose it is.
[[nodiscard]] std::string half_made_bridge_name(StoreId store);
// Whether it could be one of the two above, of some banger.
[[nodiscard]] bool looks_derived(std::string_view name);

// A letter, then letters, digits, '-', '_' and '.': 15 at most. Not "lo", "all" or "default", which mean something
// else to the kernel. Nothing in it needs quoting in a rule, a path or a message.
[[nodiscard]] bool valid_link_name(std::string_view name);

// The ifalias of a link of ours: "banger:<store>" on the bridge, "banger:<store>:<vm>" on a tap.
struct Mark {
  StoreId store;
  VmId vm;  // none: the bridge

  friend bool operator==(const Mark&, const Mark&) = default;
};
[[nodiscard]] std::string alias_of(const Mark& mark);
[[nodiscard]] std::optional<Mark> parse_alias(std::string_view alias);

}  // namespace banger::network
