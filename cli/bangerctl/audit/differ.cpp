#include "cli/bangerctl/audit/differ.h"

#include <algorithm>
#include <array>

namespace banger::ctl {

bool is_bookkeeping(std::string_view field) {
  constexpr std::array<std::string_view, 5> kNames{"version", "last_sequence", "fence",
                                                   "correlation", "changed_at_ns"};
  return std::ranges::count(kNames, field) != 0;
}

std::string_view name_of(ThingChange::What what) {
  switch (what) {
    case ThingChange::What::kAppeared:
      return "appeared";
    case ThingChange::What::kGone:
      return "gone";
    case ThingChange::What::kChanged:
      return "changed";
  }
  return "changed";
}

}  // namespace banger::ctl
