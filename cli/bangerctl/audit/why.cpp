#include "cli/bangerctl/audit/why.h"

#include <algorithm>
#include <map>

#include "cli/bangerctl/audit/narrate.h"
#include "cli/bangerctl/render_event.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

struct Branches {
  const char* middle;
  const char* last;
  const char* passing;
  const char* mark;
};
constexpr Branches kUnicode{"├─ ", "└─ ", "│  ", "  ◀"};
constexpr Branches kAscii{"|- ", "`- ", "|  ", "  <--"};

using Children = std::map<Sequence, std::vector<const EventRecord*>>;

WhyNode grown(const EventRecord* event, const Children& children) {
  WhyNode node{event, {}};
  if (const auto found = children.find(event->envelope.sequence); found != children.end()) {
    for (const EventRecord* child : found->second) node.children.push_back(grown(child, children));
  }
  return node;
}

class Lines {
 public:
  Lines(Sequence focus, bool unicode, const std::set<Sequence>& erased)
      : focus_(focus), branches_(unicode ? kUnicode : kAscii), erased_(erased) {}

  void add(const WhyNode& root) {
    begun_ns_ = root.event->envelope.time_ns;
    put(root, "", "");
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  void put(const WhyNode& node, const std::string& before, const std::string& below) {
    const Envelope& envelope = node.event->envelope;
    const std::string later = before.empty() ? "" : span(envelope.time_ns - begun_ns_);
    std::string line = before + "#" + std::to_string(envelope.sequence) + "  " +
                       escape(tell(node.event->event, erased_.contains(envelope.sequence)).words);
    if (!later.empty()) line += "  +" + later;
    line += "  (" + escape(actor_label(envelope.actor)) + ")";
    if (envelope.sequence == focus_) line += branches_.mark;
    lines_.push_back(std::move(line));
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      put(node.children[i], below + (last ? branches_.last : branches_.middle),
          below + (last ? "   " : branches_.passing));
    }
  }

  Sequence focus_;
  const Branches& branches_;
  const std::set<Sequence>& erased_;
  std::int64_t begun_ns_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<WhyNode> why_trees(std::span<const EventRecord> events) {
  std::map<Sequence, const EventRecord*> known;
  for (const EventRecord& event : events) known[event.envelope.sequence] = &event;
  Children children;
  std::vector<const EventRecord*> roots;
  for (const auto& [sequence, event] : known) {
    // A cause is always earlier: so there is no circle, and the trees are no deeper than there are
    // events.
    const Sequence cause = event->envelope.causation;
    if (cause < sequence && known.contains(cause))
      children[cause].push_back(event);
    else
      roots.push_back(event);
  }
  std::vector<WhyNode> trees;
  for (const EventRecord* root : roots) trees.push_back(grown(root, children));
  return trees;
}

std::vector<std::string> why_lines(std::span<const WhyNode> trees, Sequence focus, bool unicode,
                                   const std::set<Sequence>& erased) {
  Lines lines(focus, unicode, erased);
  for (const WhyNode& tree : trees) lines.add(tree);
  return lines.take();
}

}  // namespace banger::ctl
