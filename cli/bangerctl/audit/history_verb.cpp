#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/narrate.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/render_event.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

Tone tone_of(Role role) {
  switch (role) {
    case Role::kIntent:
      return Tone::kPlain;
    case Role::kOutcome:
      return Tone::kGood;
    case Role::kFailure:
      return Tone::kBad;
    case Role::kCorrection:
      return Tone::kBusy;
    case Role::kUse:
      return Tone::kFaint;
  }
  return Tone::kPlain;
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kIntent:
      return "intent";
    case Role::kOutcome:
      return "outcome";
    case Role::kFailure:
      return "failure";
    case Role::kCorrection:
      return "correction";
    case Role::kUse:
      return "use";
  }
  return "outcome";
}

std::string heading(const HistoryRow& row, std::size_t events, std::int64_t now) {
  std::string text = "VM " + escape(row.name) + " (" + to_hex(row.stream.id) + "), created " +
                     age(row.created_at_ns, now) + " ago";
  if (row.deleted_at_ns != 0) {
    text += ", deleted " + age(row.deleted_at_ns, now) + " ago";
    if (const std::string lived = span(row.deleted_at_ns - row.created_at_ns); !lived.empty())
      text += " after " + lived;
  }
  return text + "; " + std::to_string(events) + (events == 1 ? " event\n\n" : " events\n\n");
}

Answer<int> history(Context& context, const std::string& vm) {
  Session& session = context.session();
  const auto row = find_vm(session, vm);
  if (!row) return std::unexpected(row.error());
  EventSearch search(session, {.stream = row->stream});
  const auto records = found_by(search);
  if (!records) return std::unexpected(records.error());
  const std::int64_t now = now_ns();
  Timeline timeline;
  Json array = Json::array();
  Table table({"SEQ", "TIME", "AGO", "WHAT", "WHO"});
  for (const EventRecord& record : *records) {
    const bool erased = search.erased().contains(record.envelope.sequence);
    const Timeline::Entry entry = timeline.next(record, erased);
    const Envelope& envelope = record.envelope;
    if (context.json()) {
      Json json = event_json(record, row->name, erased);
      json["role"] = name_of(entry.role);
      json["words"] = entry.words;
      array.push_back(std::move(json));
    } else {
      table.add({std::to_string(envelope.sequence), iso_time(envelope.time_ns),
                 age(envelope.time_ns, now), entry.words, actor_label(envelope.actor)});
      table.tone(tone_of(entry.role), 3);
    }
  }
  return printed(context.json() ? dump(array) + "\n"
                                : heading(*row, records->size(), now) + table.text(stdout_look()));
}

}  // namespace

void add_history_verb(const Verbs& verbs, CLI::App& vm) {
  auto name = std::make_shared<std::string>();
  CLI::App* verb = add_verb(vm, "history", "What was asked of a VM and what came of it, in words");
  verb->add_option("vm", *name, "Name, id or prefix of an id; it may be deleted")->required();
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [name](Context& context) { return history(context, *name); });
}

}  // namespace banger::ctl
