#include "drivers/vmm/tsc.h"

#include <poll.h>
#include <time.h>
#include <x86intrin.h>

namespace banger::vmm {
namespace {

struct Sample {
  std::uint64_t tsc = 0;
  std::uint64_t ns = 0;
  std::uint64_t width = ~0ull;  // ticks between the counter's readings before and after the clock's
};

// The narrowest of some: one that was interrupted between its readings would bend the rate.
Sample take_sample() {
  constexpr int kTries = 50;
  Sample best;
  for (int i = 0; i < kTries; ++i) {
    timespec now{};
    const std::uint64_t before = __rdtsc();
    ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    const std::uint64_t width = __rdtsc() - before;
    if (width >= best.width) continue;
    best = {before + width / 2,
            static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
                static_cast<std::uint64_t>(now.tv_nsec),
            width};
  }
  return best;
}

}  // namespace

Result<std::uint64_t> measure_tsc_khz() {
  constexpr int kMilliseconds = 50;
  const Sample first = take_sample();
  (void)::poll(nullptr, 0, kMilliseconds);
  const Sample last = take_sample();
  if (last.ns <= first.ns || last.tsc <= first.tsc)
    return fail("the time stamp counter does not run forward");
  const double khz =
      static_cast<double>(last.tsc - first.tsc) * 1e6 / static_cast<double>(last.ns - first.ns);
  return static_cast<std::uint64_t>(khz + 0.5);
}

}  // namespace banger::vmm
