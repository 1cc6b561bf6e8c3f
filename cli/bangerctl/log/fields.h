// Two JSON objects held against each other, field by field: what changed between two states of a thing.
#pragma once

#include "cli/bangerctl/render_json.h"

namespace banger::ctl {

struct ValueChange {
  std::string name;    // nested ones as "settings.vcpus"
  std::string before;  // as text; empty where it was not there or said nothing
  std::string after;
};

// In the order of `after`, then what only `before` has. Instants are told once, in words.
[[nodiscard]] std::vector<ValueChange> value_changes(const Json& before, const Json& after);

}  // namespace banger::ctl
