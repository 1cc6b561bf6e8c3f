// For `reconcile plan`: what is desired, what was observed and what is to be done, a line for each VM and image.
#pragma once

#include <vector>

#include "drivers/rpc/control_service.h"
#include "engine/plan.h"

namespace banger::bangerd {

[[nodiscard]] std::vector<rpc::PlanLine> plan_lines(const Fleet& fleet, const Observation& observation,
                                                    const PlanContext& context);

}  // namespace banger::bangerd
