#include "cli/bangerctl/log/fields.h"

#include <map>

namespace banger::ctl {
namespace {

std::string as_text(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump(value);
}

void flatten(const std::string& prefix, const Json& value, FlatFields& fields) {
  if (!value.is_object()) {
    fields.emplace_back(prefix, as_text(value));
    return;
  }
  for (const auto& [name, member] : value.items()) {
    flatten(prefix.empty() ? name : prefix + "." + name, member, fields);
  }
}

FlatFields without_instants(const Json& object) {
  FlatFields fields = flat_fields(object);
  std::erase_if(fields, [](const auto& field) { return field.first.ends_with("_ns"); });
  return fields;
}

}  // namespace

FlatFields flat_fields(const Json& object) {
  FlatFields fields;
  flatten("", object, fields);
  return fields;
}

std::vector<ValueChange> value_changes(const Json& before, const Json& after) {
  const FlatFields old_fields = without_instants(before);
  const FlatFields new_fields = without_instants(after);
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
