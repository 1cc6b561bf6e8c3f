// What `-o json` prints of streams and events: one object a line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace banger::test {

inline std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> all;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = text.find('\n', from);
    all.push_back(nlohmann::json::parse(text.substr(from, end - from)));
    from = end + 1;
  }
  return all;
}

}  // namespace banger::test
