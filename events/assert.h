// BANGER_ASSERT: always on, in every build. A broken invariant stops the process at the first wrong
// step: the log is the only authority, so stopping loses nothing and going on might.
// Use it for bugs of ours only; whatever a user, a guest or a disk can cause is an Error.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace banger {

[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "banger: bug: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace banger

#define BANGER_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::banger::assertion_failed(#condition, __FILE__, __LINE__))
