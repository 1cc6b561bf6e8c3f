// What an oracle saw that must never be: ends the run, and names the oracle.
#pragma once

#include <stdexcept>
#include <string>

namespace banger::sim {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void must(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

}  // namespace banger::sim
