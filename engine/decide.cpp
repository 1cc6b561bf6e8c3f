#include "engine/decide.h"

#include "engine/deciding.h"

namespace banger {

std::string_view name_of(Refusal value) {
  switch (value) {
    case Refusal::kInvalid: return "invalid";
    case Refusal::kNotFound: return "not_found";
    case Refusal::kAlreadyExists: return "already_exists";
    case Refusal::kWrongState: return "wrong_state";
    case Refusal::kInUse: return "in_use";
    case Refusal::kExhausted: return "exhausted";
    case Refusal::kParked: return "parked";
    case Refusal::kConflict: return "conflict";
  }
  return {};
}

std::expected<Decision, Rejection> decide(const Fleet& fleet, const HostLimits& limits,
                                          const Command& command) {
  Asked asked{fleet, limits, command};
  Decided decided = std::visit([&](const auto& ask) { return decide_on(asked, ask); }, command.ask);
  // A parked stream stands still: an event behind the one that did not fit could not be folded either, and
  // would take a version that its stream never reached.
  if (decided) {
    std::erase_if(decided->events, [&](const NewEvent& each) { return fleet.parked.contains(each.stream); });
  }
  return decided;
}

}  // namespace banger
