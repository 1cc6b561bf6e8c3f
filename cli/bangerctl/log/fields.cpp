#include "cli/bangerctl/log/fields.h"

#include <map>

namespace banger::ctl {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string as_text(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump(value);
}

void flatten(const std::string& prefix, const Json& value, Fields& fields) {
  if (!value.is_object()) {
    if (!prefix.ends_with("_ns")) fields.emplace_back(prefix, as_text(value));
    return;
  }
  for (const auto& [name, member] : value.items()) {
    flatten(prefix.empty() ? name : prefix + "." + name, member, fields);
  }
}

}  // namespace

std::vector<ValueChange> value_changes(const Json& before, const Json& after) {
  Fields old_fields, new_fields;
  flatten("", before, old_fields);
  flatten("", after, new_fields);
  std::map<std::string, std::string> old_values(old_fields.begin(), old_fields.end());
  std::vector<ValueChange> found;
  for (const auto& [name, value] : new_fields) {
    const auto old = old_values.extract(name);
    const std::string was = old ? old.mapped() : std::string();
    if (was != value) found.push_back({name, was, value});
  }
  for (const auto& [name, value] : old_fields) {
    if (old_values.contains(name) && !value.empty()) found.push_back({name, value, {}});
  }
  return found;
}

}  // namespace banger::ctl
