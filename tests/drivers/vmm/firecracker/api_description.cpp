#include "tests/drivers/vmm/firecracker/api_description.h"

#include <regex.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace banger::test {
namespace {

using Json = nlohmann::json;

const std::set<std::string> kKeywords = {
    "type",    "description", "required", "properties", "additionalProperties",
    "enum",    "minimum",     "maximum",  "pattern",    "format",
    "default", "example",     "readOnly", "items",      "$ref"};
const std::set<std::string> kTypes = {"object", "string", "boolean", "integer", "number", "array"};
const std::string kDefinitions = "#/definitions/";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream in(path);
  for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
  if (path.ends_with('/')) parts.emplace_back();
  return parts;
}

bool is_parameter(const std::string& part) {
  return part.starts_with('{') && part.ends_with('}');
}

// The parameter of `path` under `pattern` (empty where it has none), or nothing: another path.
std::optional<std::string> match(const std::string& pattern, const std::string& path) {
  const auto want = parts_of(pattern);
  const auto have = parts_of(path);
  if (want.size() != have.size()) return std::nullopt;
  std::string parameter;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (is_parameter(want[i]) && !have[i].empty()) {
      parameter = have[i];
    } else if (want[i] != have[i]) {
      return std::nullopt;
    }
  }
  return parameter;
}

bool has_type(const std::string& type, const Json& value) {
  if (type == "object") return value.is_object();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return value.is_array();
}

// Anywhere in the text, unless the pattern is anchored (JSON Schema).
bool fits(const std::string& pattern, const std::string& text) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    throw std::runtime_error("no regular expression: " + pattern);
  }
  const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

YAML::Node body_parameter(const YAML::Node& operation) {
  for (const auto& parameter : operation["parameters"]) {
    if (parameter["in"].as<std::string>() == "body") return parameter;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

}  // namespace

ApiDescription ApiDescription::load(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + file);
  return parse(text.str());
}

ApiDescription ApiDescription::parse(const std::string& yaml) {
  ApiDescription description(YAML::Load(yaml));
  const YAML::Node& root = description.root_;
  if (!root.IsMap() || !root["paths"] || !root["paths"].IsMap())
    throw std::runtime_error("no description of an API");
  for (const auto& definition : root["definitions"]) {
    description.require_understood(definition.second, definition.first.as<std::string>());
  }
  for (const auto& path : root["paths"]) {
    for (const auto& operation : path.second) {
      const std::string at = operation.first.as<std::string>() + " " + path.first.as<std::string>();
      if (const auto body = body_parameter(operation.second))
        description.require_understood(body["schema"], at);
      for (const auto& answer : operation.second["responses"]) {
        if (answer.second["schema"]) description.require_understood(answer.second["schema"], at);
      }
    }
  }
  return description;
}

void ApiDescription::require_understood(const YAML::Node& schema, const std::string& at) const {
  if (!schema || !schema.IsMap()) throw std::runtime_error(at + ": no schema");
  for (const auto& entry : schema) {
    const auto keyword = entry.first.as<std::string>();
    if (!kKeywords.contains(keyword))
      throw std::runtime_error(at + ": the keyword " + keyword + " is not understood");
  }
  if (schema["$ref"]) {
    (void)resolved(schema);
    return;
  }
  if (!schema["type"] || !kTypes.contains(schema["type"].as<std::string>()))
    throw std::runtime_error(at + ": no type");
  if (schema["pattern"]) (void)fits(schema["pattern"].as<std::string>(), "");
  for (const auto& property : schema["properties"]) {
    require_understood(property.second, at + "." + property.first.as<std::string>());
  }
  if (schema["items"]) require_understood(schema["items"], at + "[]");
  const auto& more = schema["additionalProperties"];
  if (more && more.IsMap()) require_understood(more, at + ".*");
}

YAML::Node ApiDescription::resolved(const YAML::Node& schema) const {
  YAML::Node at = schema;
  for (int hops = 0; hops < 16; ++hops) {
    // Only a const node is left as it is by a look for what it does not have.
    if (!std::as_const(at)["$ref"]) return at;
    const auto target = std::as_const(at)["$ref"].as<std::string>();
    if (!target.starts_with(kDefinitions))
      throw std::runtime_error("a reference out of the description: " + target);
    const auto definition = root_["definitions"][target.substr(kDefinitions.size())];
    if (!definition) throw std::runtime_error("a reference to nothing: " + target);
    at.reset(definition);
  }
  throw std::runtime_error("references go round in a circle");
}

Verdict ApiDescription::check_request(const std::string& method, const std::string& path,
                                      const std::string& body) const {
  Verdict verdict;
  YAML::Node operation(YAML::NodeType::Undefined);
  for (const auto& entry : root_["paths"]) {
    const auto pattern = entry.first.as<std::string>();
    const auto parameter = match(pattern, path);
    if (!parameter || !entry.second[lower(method)]) continue;
    operation.reset(entry.second[lower(method)]);
    verdict.operation = method + " " + pattern;
    verdict.parameter = *parameter;
  }
  // Methods are upper case (RFC 9110).
  if (!operation || method == lower(method))
    return {"Invalid request method and/or path: " + method + " " + path, {}, {}, {}};
  const auto expected = body_parameter(operation);
  if (!expected) {
    if (!body.empty()) verdict.fault = method + " request cannot have a body.";
    return verdict;
  }
  if (body.empty()) {
    if (!expected["required"] || expected["required"].as<bool>())
      verdict.fault = "Empty " + method + " request.";
    return verdict;
  }
  verdict.body = Json::parse(body, nullptr, false);
  verdict.fault = verdict.body.is_discarded() ? "the body is no JSON"
                                              : fault_of(expected["schema"], verdict.body, "body");
  return verdict;
}

std::string ApiDescription::check_answer(const std::string& operation, int status,
                                         const std::string& body) const {
  const auto space = operation.find(' ');
  const auto known =
      root_["paths"][operation.substr(space + 1)][lower(operation.substr(0, space))]["responses"];
  if (!known) return "no such operation: " + operation;
  const auto exact = known[std::to_string(status)];
  const auto answer = exact ? exact : known["default"];
  if (!exact && status < 400) return operation + " does not answer " + std::to_string(status);
  if (!answer["schema"]) return body.empty() ? "" : operation + " answers without a body";
  const Json parsed = Json::parse(body, nullptr, false);
  if (parsed.is_discarded()) return operation + ": the answer is no JSON";
  return fault_of(answer["schema"], parsed, "answer");
}

std::string ApiDescription::fault_of(const YAML::Node& unresolved, const Json& value,
                                     const std::string& at) const {
  const YAML::Node schema = resolved(unresolved);
  const auto type = schema["type"].as<std::string>();
  if (!has_type(type, value)) return at + ": invalid type, expected " + type;
  if (type == "object") return fault_of_object(schema, value, at);
  if (type != "array") return fault_of_scalar(schema, value, at);
  for (const Json& item : value) {
    if (!schema["items"]) break;
    if (auto fault = fault_of(schema["items"], item, at + "[]"); !fault.empty()) return fault;
  }
  return {};
}

std::string ApiDescription::fault_of_object(const YAML::Node& schema, const Json& value,
                                            const std::string& at) const {
  for (const auto& name : schema["required"]) {
    if (!value.contains(name.as<std::string>()))
      return at + ": missing field `" + name.as<std::string>() + "`";
  }
  const YAML::Node more = schema["additionalProperties"];
  for (const auto& [name, field] : value.items()) {
    const YAML::Node known =
        schema["properties"] ? schema["properties"][name] : YAML::Node(YAML::NodeType::Undefined);
    std::string fault;
    if (known) {
      fault = fault_of(known, field, at + "." + name);
    } else if (more && more.IsMap()) {
      fault = fault_of(more, field, at + "." + name);
    } else if (!more || !more.as<bool>()) {
      fault = at + ": unknown field `" + name + "`";
    }
    if (!fault.empty()) return fault;
  }
  return {};
}

std::string ApiDescription::fault_of_scalar(const YAML::Node& schema, const Json& value,
                                            const std::string& at) const {
  if (schema["enum"]) {
    const auto text = value.is_string() ? value.get<std::string>() : value.dump();
    const bool among =
        std::any_of(schema["enum"].begin(), schema["enum"].end(),
                    [&text](const auto& each) { return each.template as<std::string>() == text; });
    if (!among) return at + ": unknown variant `" + text + "`";
  }
  if (schema["pattern"]) {
    const auto pattern = schema["pattern"].as<std::string>();
    if (!fits(pattern, value.get<std::string>())) return at + ": does not match " + pattern;
  }
  // long double holds every 64-bit integer.
  if (schema["minimum"] && value.get<long double>() < schema["minimum"].as<long double>())
    return at + ": too small";
  if (schema["maximum"] && value.get<long double>() > schema["maximum"].as<long double>())
    return at + ": too large";
  return {};
}

}  // namespace banger::test
