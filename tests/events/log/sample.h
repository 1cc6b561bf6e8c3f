// Which of many cases a run tries: as many as the environment says, 0 for all, spread over them, and others each time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "tests/support/setting.h"

namespace banger::log::test {

[[nodiscard]] inline std::vector<std::size_t> sample(std::size_t cases, const char* setting, std::size_t otherwise) {
  const std::size_t wanted = banger::test::setting(setting, otherwise);
  const std::size_t tries = wanted == 0 ? cases : std::min(wanted, cases);
  std::random_device chance;
  std::vector<std::size_t> picks;
  for (std::size_t i = 0; i < tries; ++i) {
    const std::size_t from = i * cases / tries;
    picks.push_back(from + chance() % ((i + 1) * cases / tries - from));
  }
  return picks;
}

}  // namespace banger::log::test
