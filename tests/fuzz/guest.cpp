// What comes from a guest over ssh and before it: the banner, and what it says of an exec. A verdict does not depend
// on how the bytes were cut; what goes on to a caller is one line of JSON, whatever the guest said.
#include <nlohmann/json.hpp>

#include "cli/banger-guest/outcome.h"
#include "drivers/guest/banner_probe.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

void check_banner(std::string_view bytes) {
  guest::BannerProbe whole;
  guest::BannerProbe pieces;
  auto verdict = guest::BannerProbe::Verdict::more;
  for (const char c : bytes) verdict = pieces.feed({&c, 1});
  BANGER_ASSERT(whole.feed(bytes) == verdict && whole.banner() == pieces.banner());
  BANGER_ASSERT(whole.banner().size() <= guest::BannerProbe::kMaxBytes);
  if (verdict == guest::BannerProbe::Verdict::ready) BANGER_ASSERT(whole.banner().starts_with("SSH-"));
}

void check_status(std::string_view bytes) {
  const auto status = guest::parse_status(bytes);
  if (!status) return;
  BANGER_ASSERT(status->code >= 0 && status->code <= 255);
  const std::string line = guest::to_json_line(guest::outcome_of(*status));
  BANGER_ASSERT(line.find('\n') == line.size() - 1 && nlohmann::json::accept(line));
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  check_banner(bytes);
  check_status(bytes);
}

}  // namespace banger::fuzz
