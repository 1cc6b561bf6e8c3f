#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/bangerctl/audit/narrate.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/audit/why.h"
#include "cli/bangerctl/audit/why_events.h"
#include "cli/bangerctl/render_event.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

WhySource source_of(Session& session, EventReader& reader, std::set<Sequence>& erased) {
  return {.event = [&](Sequence sequence) -> Answer<std::optional<EventRecord>> {
            if (sequence < session.info().getFirstSequence()) return std::nullopt;
            auto record = reader.at(sequence);
            if (!record) return std::unexpected(record.error());
            if (reader.erased().contains(sequence)) erased.insert(sequence);
            return *std::move(record);
          },
          .consequences = [&](StreamId stream, CommandId request, Sequence since,
                              const WhySource::Take& take) -> Answer<void> {
            EventSearch search(session, {.stream = stream,
                                         .correlation = request,
                                         .since = When{.sequence = since, .time_ns = {}}});
            while (search.more()) {
              auto records = search.next();
              if (!records) return std::unexpected(records.error());
              for (EventRecord& record : *records) take(std::move(record));
            }
            erased.insert(search.erased().begin(), search.erased().end());
            return {};
          }};
}

// What is not in the tree, and how to see it.
std::string left_out(const WhyEvents& why, CommandId request) {
  std::string text;
  if (why.more_causes != 0) {
    const std::string first = std::to_string(why.events.front().envelope.sequence);
    text += "(more led to #" + first + ": bangerctl events why " + first + ")\n";
  }
  if (why.later != 0) {
    text += "(" + std::to_string(why.later) + " more came of it: bangerctl events ls --correlation " +
            request.hex() + " --since " + std::to_string(why.later_from) + ")\n";
  }
  return text;
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

Json tree_json(const WhyNode& node, const std::string& name, const std::set<Sequence>& erased) {
  const bool cut = erased.contains(node.event->envelope.sequence);
  Json json = event_json(*node.event, name, cut);
  json["words"] = tell(node.event->event, cut).words;
  json["children"] = Json::array();
  for (const WhyNode& child : node.children) json["children"].push_back(tree_json(child, name, erased));
  return json;
}

Answer<int> explain(Context& context, const EventRecord& focus, const std::string& heading) {
  Session& session = context.session();
  EventReader reader(session);
  std::set<Sequence> erased;  // of those that came of the request, which the focus is one of
  const auto why = why_events(focus, source_of(session, reader, erased));
  if (!why) return std::unexpected(why.error());
  const auto trees = why_trees(why->events);
  StreamNames names(session);
  std::string text;
  if (context.json()) {
    Json json = Json::array();
    for (const WhyNode& tree : trees)
      json.push_back(tree_json(tree, names.of(tree.event->envelope.stream), erased));
    text = dump(Json{{"event", focus.envelope.sequence},
                     {"trees", std::move(json)},
                     {"more_causes", why->more_causes},
                     {"later", why->later},
                     {"later_from", why->later_from}}) +
           "\n";
  } else {
    text = heading + "\n";
    for (const std::string& line : why_lines(trees, focus.envelope.sequence, stdout_look().unicode, erased))
      text += line + "\n";
    text += left_out(*why, focus.envelope.correlation);
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
