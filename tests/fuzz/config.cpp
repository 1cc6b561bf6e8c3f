// The configuration's text. An error names the file, and the line where there is one.
#include "cli/bangerd/config.h"

#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  bangerd::Config config;
  const auto parsed = bangerd::parse_config(bytes, "bangerd.toml", config);
  if (!parsed) return BANGER_ASSERT(parsed.error().message.starts_with("bangerd.toml:"));
  BANGER_ASSERT(config.limits.first_port <= config.limits.last_port && config.dns.size() <= 2);
}

}  // namespace banger::fuzz
