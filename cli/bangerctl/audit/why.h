// The tree of what led to what: from a request through every step to its outcomes. Pure: made of
// events that were read before, as lines for a person or as JSON. An event's parent is its
// causation.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "events/envelope.h"

namespace banger::ctl {

struct WhyNode {
  const EventRecord* event = nullptr;
  std::vector<WhyNode> children;  // by sequence
};

// The trees of these events, by sequence; several where causes are missing from them. Whatever the
// causations say (of a log that somebody wrote by hand), no event is in it twice and none is lost.
[[nodiscard]] std::vector<WhyNode> why_trees(std::span<const EventRecord> events);

// A line for each event: branches, its number, how long after the root it was, what it was, and who
// did it. The text is escaped. `focus` is marked; `erased` are without what was typed.
[[nodiscard]] std::vector<std::string> why_lines(std::span<const WhyNode> trees, Sequence focus,
                                                 bool unicode,
                                                 const std::set<Sequence>& erased = {});

}  // namespace banger::ctl
