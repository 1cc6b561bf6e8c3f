// A stored row of any projection as JSON: for dumps, and for what differs between two of them.
#pragma once

#include "cli/bangerctl/render_json.h"
#include "events/result.h"

namespace banger::ctl {

[[nodiscard]] Result<Json> row_json(std::string_view projection, std::string_view key, std::string_view bytes);

}  // namespace banger::ctl
