#include "drivers/vmm/tsc.h"

#include "tests/catch.h"

TEST_CASE("the counter's rate is plausible and comes out the same twice") {
  auto first = banger::vmm::measure_tsc_khz();
  auto second = banger::vmm::measure_tsc_khz();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first > 100'000);
  CHECK(*first < 20'000'000);
  const double ratio = static_cast<double>(*first) / static_cast<double>(*second);
  CHECK(ratio > 0.99);
  CHECK(ratio < 1.01);
}
