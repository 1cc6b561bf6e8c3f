// What a run is made of: who asks for what and what befalls the host, at which time, and how faulty everything is. All of it comes of
// a seed; an action can be left out without changing the others, which is how a failure is made short.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/disk.h"
#include "tests/sim/hands.h"

namespace banger::sim {

enum class Deed {
  kAsk,           // a client's request
  kAskAgain,      // an earlier request, with its id and digest
  kAskOther,      // another request with an earlier one's id
  kKillDaemon,    // SIGKILL, and another one a little later
  kStopDaemon,    // as `daemon stop`, and another one a little later
  kReboot,        // power lost
  kEndVmm,        // a VMM dies
  kPowerOff,      // a guest shuts itself down
  kStray,         // a VMM that nobody of ours started
  kTakeTap,
  kDamageRules,   // somebody changes the rules, or deletes the bridge
  kFreePorts,
  kLeftover,      // of a VM that no log knows
  kSetClock,      // ten years back, forward, or right again
};
[[nodiscard]] std::string_view name_of(Deed deed);

struct Action {
  std::uint64_t at_us = 0;
  Deed deed = Deed::kAsk;
  std::uint64_t number = 0;  // which VM, which call, how long: as the deed needs it
  Ask ask;
};

struct Scenario {
  std::uint64_t seed = 0;
  LogFaults log;
  HostFaults host;
  bool sweep = false;  // leftovers of unknown VMs are to go
  std::vector<Action> actions;
};

[[nodiscard]] Scenario make_scenario(std::uint64_t seed);
// A line for people.
[[nodiscard]] std::string describe(const Action& action);

}  // namespace banger::sim
