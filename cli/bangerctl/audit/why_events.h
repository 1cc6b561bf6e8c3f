// Which events a tree of `events why` is made of. However long a chain of causes is, and however much
// came of a request, so many are kept and no more; what is left out is counted, or said where to look
// for it. Pure: where events come from is given.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cli/bangerctl/failure.h"
#include "events/envelope.h"

namespace banger::ctl {

inline constexpr std::size_t kMostCauses = 256;  // of the focus, the nearest
inline constexpr std::size_t kMostEvents = 512;  // together; nobody reads more

struct WhySource {
  // Nothing of an event that is not kept any more.
  std::function<Answer<std::optional<EventRecord>>(Sequence)> event;
  // Every event of the stream that came of the request, from `since` on, in order.
  using Take = std::function<void(EventRecord)>;
  std::function<Answer<void>(StreamId stream, CommandId request, Sequence since, const Take& take)>
      consequences;
};

struct WhyEvents {
  std::vector<EventRecord> events;  // by sequence; the focus and its nearest causes are among them
  Sequence more_causes = 0;         // the next cause, which was left out; 0: there is none
  std::uint64_t later = 0;          // so many that came of it were left out,
  Sequence later_from = 0;          // the first of them
};
[[nodiscard]] Answer<WhyEvents> why_events(const EventRecord& focus, const WhySource& source);

}  // namespace banger::ctl
