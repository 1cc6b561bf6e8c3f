// Calls of LogCare that more than one verb makes.
#pragma once

#include "cli/bangerctl/session.h"

namespace banger::ctl {

// Folds the log again and holds the stored rows against it; an empty name: of every projection.
[[nodiscard]] Answer<capnp::Response<schema::LogCare::CheckProjectionsResults>> check_projections(
    Session& session, const std::string& name);

}  // namespace banger::ctl
