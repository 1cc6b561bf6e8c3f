// For tests that mount file systems: they are run by apart.sh, and nowhere else.
#pragma once

#include <cstdlib>

#include "tests/catch.h"

namespace banger::test {

inline void must_be_apart() {
  if (!std::getenv("BANGER_APART")) FAIL("run it by tests/support/apart.sh: it mounts file systems");
}

}  // namespace banger::test
