// JSON objects as flat fields, and two of them held against each other: what changed between two states of a thing.
#pragma once

#include "cli/bangerctl/render_json.h"

namespace banger::ctl {

// An object's members as text, nested ones as "settings.vcpus", in their order; null is empty.
using FlatFields = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] FlatFields flat_fields(const Json& object);

struct ValueChange {
  std::string name;    // nested ones as "settings.vcpus"
  std::string before;  // as text; empty where it was not there or said nothing
  std::string after;
};

// In the order of `after`, then what only `before` has. Instants are told once, in words.
[[nodiscard]] std::vector<ValueChange> value_changes(const Json& before, const Json& after);

}  // namespace banger::ctl
