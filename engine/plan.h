// What is wanted, not yet so, and not already under way. Pure: the runtime calls it after every durable change
// and every observation, and dispatches what it gives; asked again with nothing changed it gives the same.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/effect.h"
#include "engine/observation.h"

namespace banger {

// An effect that was dispatched and has not ended. The runtime keeps these.
struct InFlight {
  Sequence fence = 0;
  std::string_view effect;   // name_of the effect
  bool cancelling = false;
};

struct PlanContext {
  std::map<StreamId, std::vector<InFlight>> in_flight;
  std::set<StreamId> held;  // failed since the last tick: not tried again before the next one
  std::optional<GuestNetwork> network = GuestNetwork();  // as it was last set; nothing: that failed, somewhere on its way
  bool sweep = false;       // the configuration says that VMs of ours which no log knows are to be removed
};

struct Plan {
  std::vector<Effect> effects;
  bool wants_observation = false;  // something can't be decided before the host was looked at again
};

// The whole fleet, and what is on the host but in nobody's row.
[[nodiscard]] Plan plan(const Fleet& fleet, const Observation& observation, const PlanContext& context);

// One VM or image: after a change to it alone.
[[nodiscard]] Plan plan_subject(const Fleet& fleet, const Observation& observation,
                                const PlanContext& context, StreamId subject);

// How long a VM may stay as it is before ReportDeadline is due with its fence; nothing where it may for ever.
[[nodiscard]] std::optional<std::uint64_t> deadline_ms(const VmRuntime& vm);

}  // namespace banger
