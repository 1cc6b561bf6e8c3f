// Calls of LogCare that more than one verb makes, and how far long ones are.
#pragma once

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/session.h"

namespace banger::ctl {

// Folds the log again and holds the stored rows against it; an empty name: of every projection.
[[nodiscard]] Answer<capnp::Response<schema::LogCare::CheckProjectionsResults>> check_projections(
    Session& session, const std::string& name);

// What a verb of the log came to: as JSON or as fields.
[[nodiscard]] Answer<int> tell(Context& context, const Json& json,
                               const std::vector<std::pair<std::string, std::string>>& fields, int exit = kOk);

// A sink that shows how far the daemon is with so many events.
[[nodiscard]] schema::ProgressSink::Client shown_progress(std::string what);

}  // namespace banger::ctl
