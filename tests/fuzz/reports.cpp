// What other programs say of the host, and files of /proc that the kernel writes with strangers' words in them.
#include "drivers/observe/process.h"
#include "drivers/observe/tools/reports.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  if (const auto pids = observe::parse_pids(bytes)) {
    for (const std::int32_t pid : *pids) BANGER_ASSERT(pid > 0);
  }
  if (const auto uuids = observe::parse_uuids(bytes)) {
    for (const std::string& uuid : *uuids) BANGER_ASSERT(!uuid.empty() && !uuid.contains('\n'));
  }
  if (const auto links = observe::parse_links(bytes)) {
    for (const network::Link& link : *links) BANGER_ASSERT(!link.name.empty() && (!link.tap || link.kind == "tun"));
  }
  (void)observe::parse_loops(bytes);
  (void)observe::loops_in_partitions(bytes);
  (void)observe::parse_stat(bytes);
}

}  // namespace banger::fuzz
