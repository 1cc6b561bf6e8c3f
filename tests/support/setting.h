// A number that the environment may set for a longer run of a test, or for the same run again.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace banger::test {

inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace banger::test
