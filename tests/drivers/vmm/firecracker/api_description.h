// Firecracker's API description (tests/spec/firecracker-api.yaml, Swagger 2.0) as a strict judge of
// requests and answers: known path and method, every required field, no unknown one, types, enums,
// patterns, bounds, references. What it does not understand of a description it refuses to load, so
// that nothing is let through unchecked.
#pragma once

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace banger::test {

struct Verdict {
  std::string fault;      // empty: it is as the description says
  std::string operation;  // "PUT /drives/{drive_id}"; empty: there is none
  std::string parameter;  // what stands in the path for {...}
  nlohmann::json body;    // null: none
};

class ApiDescription {
 public:
  // Throws std::runtime_error for text that is no description or holds a keyword that is not
  // checked.
  static ApiDescription parse(const std::string& yaml);
  static ApiDescription load(const std::string& file);

  [[nodiscard]] Verdict check_request(const std::string& method, const std::string& path,
                                      const std::string& body) const;
  // What is wrong with an answer to an operation; empty: nothing.
  [[nodiscard]] std::string check_answer(const std::string& operation, int status,
                                         const std::string& body) const;

 private:
  explicit ApiDescription(YAML::Node root) : root_(std::move(root)) {}
  void require_understood(const YAML::Node& schema, const std::string& at) const;
  [[nodiscard]] YAML::Node resolved(const YAML::Node& schema) const;
  [[nodiscard]] std::string fault_of(const YAML::Node& schema, const nlohmann::json& value,
                                     const std::string& at) const;
  [[nodiscard]] std::string fault_of_object(const YAML::Node& schema, const nlohmann::json& value,
                                            const std::string& at) const;
  [[nodiscard]] std::string fault_of_scalar(const YAML::Node& schema, const nlohmann::json& value,
                                            const std::string& at) const;
  YAML::Node root_;
};

}  // namespace banger::test
