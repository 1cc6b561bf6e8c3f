#include "drivers/rpc/access.h"

#include <algorithm>

namespace banger::rpc {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kNone: return "nobody";
    case Role::kReader: return "a reader";
    case Role::kOperator: return "an operator";
    case Role::kOwner: return "the owner";
  }
  return {};
}

Role Access::role_of(uid_t uid, std::span<const gid_t> groups) const {
  if (uid == 0 || uid == owner) return Role::kOwner;
  const auto member = [&](std::optional<gid_t> group) { return group && std::ranges::count(groups, *group) != 0; };
  if (member(operators)) return Role::kOperator;
  return member(readers) ? Role::kReader : Role::kNone;
}

}  // namespace banger::rpc
