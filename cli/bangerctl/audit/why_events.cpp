#include "cli/bangerctl/audit/why_events.h"

#include <algorithm>
#include <map>
#include <set>

namespace banger::ctl {
namespace {

using Events = std::map<Sequence, EventRecord>;

// The events that led to the focus, back to the request or until there are enough; the earliest.
Answer<Sequence> add_causes(const EventRecord& focus, const WhySource& source, Events& events,
                            WhyEvents& why) {
  Sequence at = focus.envelope.sequence;
  for (;;) {
    // A cause is always earlier: a log that somebody wrote by hand does not lead in circles.
    const Sequence cause = events.at(at).envelope.causation;
    if (cause == 0 || cause >= at) return at;
    if (events.size() > kMostCauses) {
      why.more_causes = cause;
      return at;
    }
    auto found = source.event(cause);
    if (!found) return std::unexpected(found.error());
    if (!*found) return at;
    events.emplace(cause, **std::move(found));
    at = cause;
  }
}

// What else came of the same request, in the streams that it is known to have touched: the earliest.
Answer<void> add_consequences(const EventRecord& focus, Sequence root, const WhySource& source,
                              Events& events, WhyEvents& why) {
  const std::size_t room = kMostEvents - events.size();
  Events others;
  const auto take = [&](EventRecord record) {
    const Sequence sequence = record.envelope.sequence;
    if (events.contains(sequence)) return;
    others.emplace(sequence, std::move(record));
    if (others.size() <= room) return;
    const auto last = std::prev(others.end());
    ++why.later;
    why.later_from = why.later_from == 0 ? last->first : std::min(why.later_from, last->first);
    others.erase(last);
  };
  const std::set<StreamId> streams{focus.envelope.stream, events.at(root).envelope.stream};
  for (const StreamId stream : streams) {
    const auto visited = source.consequences(stream, focus.envelope.correlation, root, take);
    if (!visited) return std::unexpected(visited.error());
  }
  events.merge(others);
  return {};
}

}  // namespace

Answer<WhyEvents> why_events(const EventRecord& focus, const WhySource& source) {
  WhyEvents why;
  Events events{{focus.envelope.sequence, focus}};
  const auto root = add_causes(focus, source, events, why);
  if (!root) return std::unexpected(root.error());
  const auto added = add_consequences(focus, *root, source, events, why);
  if (!added) return std::unexpected(added.error());
  for (auto& [sequence, record] : events) why.events.push_back(std::move(record));
  return why;
}

}  // namespace banger::ctl
