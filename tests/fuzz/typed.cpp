// What people type that is more than a name: moments, sizes, durations, ports.
#include "cli/bangerctl/audit/when.h"
#include "cli/bangerctl/sizes.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

constexpr std::int64_t kNow = 1'795'250'000'123'456'789;

void check_when(std::string_view text) {
  const auto when = ctl::parse_when(text, {.now_ns = kNow});
  if (!when) return;
  BANGER_ASSERT(when->sequence.has_value() != when->time_ns.has_value());
}

void check_port(std::string_view text) {
  const auto port = ctl::parse_port(text);
  if (!port) return;
  BANGER_ASSERT(port->guest_port != 0);
  (void)ctl::format_port(*port);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  check_when(bytes);
  check_port(bytes);
  if (const auto mib = ctl::parse_size_mib(bytes)) (void)ctl::format_mib(*mib);
  (void)ctl::parse_duration_ms(bytes);
  (void)ctl::parse_count(bytes);
}

}  // namespace banger::fuzz
