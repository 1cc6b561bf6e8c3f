#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/bangerctl/audit/narrate.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/audit/why.h"
#include "cli/bangerctl/render_event.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

constexpr std::size_t kMostEvents = 512;  // of one tree; nobody reads more

using Events = std::map<Sequence, EventRecord>;

// The events that led to `focus`, back to the request.
Answer<Sequence> add_causes(Session& session, const EventRecord& focus, Events& events) {
  EventReader reader(session);
  const EventRecord* at = &focus;
  while (at->envelope.causation != 0 && at->envelope.causation < at->envelope.sequence &&
         events.size() < kMostEvents) {
    if (at->envelope.causation < session.info().getFirstSequence())
      break;  // it is not kept any more
    auto cause = reader.at(at->envelope.causation);
    if (!cause) return std::unexpected(cause.error());
    const Sequence sequence = cause->envelope.sequence;
    at = &events.emplace(sequence, *std::move(cause)).first->second;
  }
  return at->envelope.sequence;
}

// What else came of the same request, in the streams that it is known to have touched.
Answer<void> add_consequences(Session& session, const EventRecord& focus, Sequence root,
                              Events& events) {
  std::set<StreamId> streams{focus.envelope.stream, events.at(root).envelope.stream};
  for (const StreamId stream : streams) {
    auto found = search_all(session, {.stream = stream,
                                      .correlation = focus.envelope.correlation,
                                      .since = When{.sequence = root, .time_ns = {}},
                                      .limit = kMostEvents});
    if (!found) return std::unexpected(found.error());
    for (EventRecord& record : *found) {
      const Sequence sequence = record.envelope.sequence;
      events.emplace(sequence, std::move(record));
    }
  }
  return {};
}

// The event that made a VM what it is.
Answer<EventRecord> last_settled(Session& session, const HistoryRow& row) {
  EventSearch search(session, {.stream = row.stream, .reverse = true});
  while (search.more()) {
    auto records = search.next();
    if (!records) return std::unexpected(records.error());
    for (EventRecord& record : *records) {
      if (settles_state(record.event)) return std::move(record);
    }
  }
  return failed("nothing is kept of VM " + row.name, "bangerctl events ls --vm " + row.name);
}

Json tree_json(const WhyNode& node, const std::string& name) {
  Json json = event_json(*node.event, name);
  json["words"] = tell(node.event->event).words;
  json["children"] = Json::array();
  for (const WhyNode& child : node.children) json["children"].push_back(tree_json(child, name));
  return json;
}

Answer<int> explain(Context& context, const EventRecord& focus, const std::string& heading) {
  Session& session = context.session();
  Events events{{focus.envelope.sequence, focus}};
  const auto root = add_causes(session, focus, events);
  if (!root) return std::unexpected(root.error());
  const auto added = add_consequences(session, focus, *root, events);
  if (!added) return std::unexpected(added.error());
  std::vector<EventRecord> all;
  for (auto& [sequence, record] : events) all.push_back(std::move(record));
  const auto trees = why_trees(all);
  StreamNames names(session);
  std::string text;
  if (context.json()) {
    Json json = Json::array();
    for (const WhyNode& tree : trees)
      json.push_back(tree_json(tree, names.of(tree.event->envelope.stream)));
    text = dump(Json{{"event", focus.envelope.sequence}, {"trees", std::move(json)}}) + "\n";
  } else {
    text = heading + "\n";
    for (const std::string& line : why_lines(trees, focus.envelope.sequence, stdout_look().unicode))
      text += line + "\n";
    if (all.size() >= kMostEvents)
      text += "(more came of it: bangerctl events ls --correlation " +
              focus.envelope.correlation.hex() + ")\n";
  }
  return printed(text);
}

Answer<int> why_event(Context& context, Sequence sequence) {
  EventReader reader(context.session());
  const auto focus = reader.at(sequence);
  if (!focus) return std::unexpected(focus.error());
  StreamNames names(context.session());
  names.learn(*focus);
  const std::string subject =
      stream_label(focus->envelope.stream, names.of(focus->envelope.stream));
  return explain(context, *focus,
                 "event " + std::to_string(sequence) + " of " + escape(subject) + ", " +
                     iso_time(focus->envelope.time_ns) + ", request " +
                     focus->envelope.correlation.hex());
}

Answer<int> why_vm(Context& context, const std::string& vm) {
  Session& session = context.session();
  const auto row = find_vm(session, vm);
  if (!row) return std::unexpected(row.error());
  const auto focus = last_settled(session, *row);
  if (!focus) return std::unexpected(focus.error());
  std::string state = "deleted";
  if (row->deleted_at_ns == 0) {
    const auto view = view_vm(session, to_hex(row->stream.id));
    if (!view) return std::unexpected(view.error());
    state = std::string(name_of(view->row.state)) + (view->row.ready ? " and ready" : "");
  }
  return explain(context, *focus,
                 "VM " + escape(row->name) + " is " + state + ", since " +
                     iso_time(focus->envelope.time_ns) + " (" +
                     age(focus->envelope.time_ns, now_ns()) +
                     " ago): " + escape(tell(focus->event).words));
}

}  // namespace

void add_why_verb(const Verbs& verbs, CLI::App& events) {
  auto subject = std::make_shared<std::string>();
  CLI::App* verb =
      add_verb(events, "why", "From a request through every step to its outcome, as a tree");
  verb->add_option("subject", *subject, "An event's sequence number, or a VM: why it is as it is")
      ->required();
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [subject](Context& context) {
    const bool number =
        subject->find_first_not_of("0123456789") == std::string::npos && subject->size() < 16;
    return number ? why_event(context, std::stoull(*subject)) : why_vm(context, *subject);
  });
}

}  // namespace banger::ctl
