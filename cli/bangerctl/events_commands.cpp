#include <CLI/CLI.hpp>
#include <array>

#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

Answer<int> show(Context& context, std::uint64_t sequence) {
  EventReader reader(context.session());
  const auto record = reader.at(sequence);
  if (!record) return std::unexpected(record.error());
  StreamNames names(context.session());
  names.learn(*record);
  const Json json = event_json(*record, names.of(record->envelope.stream),
                               reader.erased().contains(sequence));
  std::string text = dump(json) + "\n";
  if (!context.json()) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : json.items()) {
      fields.emplace_back(name, value.is_string() ? value.get<std::string>()
                                : value.is_null() ? ""
                                                  : dump(value));
      if (name == "time") fields.back().second = when_in_full(record->envelope.time_ns);
    }
    text = describe(fields);
  }
  return printed(text);
}

// Rows come as they happen, so their widths are set beforehand; on a terminal cells are cut to them.
std::string line_of(const std::array<std::string, 6>& cells) {
  const Look& look = stdout_look();
  static const std::vector<std::size_t> widths = [&look] {
    const std::size_t time = wishes().times == TimeStyle::kRelative ? 8 : width(when(1));
    return fit_columns({6, time, 16, 20, 18, 80}, {3, time, 10, 12, 8, 12}, look.columns);
  }();
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string cell = escape(cells[i]);
    if (look.terminal) cell = cut(cell, widths[i], look.unicode);
    const std::size_t taken = width(cell);
    line += cell;
    if (i + 1 < cells.size()) {
      line.append((taken < widths[i] ? widths[i] - taken : 0) + kGap, ' ');
    }
  }
  return line + "\n";
}

}  // namespace

std::string event_header() {
  return line_of({"SEQ", "TIME", "STREAM", "KIND", "WHO", "DETAILS"});
}

std::string event_line(const EventRecord& record, std::string_view name, bool erased) {
  const Envelope& envelope = record.envelope;
  return line_of({std::to_string(envelope.sequence), when(envelope.time_ns),
                  stream_label(envelope.stream, name), std::string(name_of(record.event)),
                  actor_label(envelope.actor), event_details(record.event, erased)});
}

std::string gap_text(bool json, Sequence from, Sequence to, const std::string& cursor) {
  if (!json) {
    return "(events " + std::to_string(from) + " to " + std::to_string(to) +
           " cannot be read: see `bangerctl log stat`)";
  }
  Json gap{{"gap", {{"from", from}, {"to", to}}}};
  if (!cursor.empty()) gap["cursor"] = cursor;
  return dump(gap);
}

void add_event_verbs(const Verbs& verbs) {
  CLI::App* noun =
      add_verb(verbs.app, "events", "The log of everything that was asked and what came of it");
  noun->require_subcommand(1);

  add_list_verb(verbs, *noun);
  auto sequence = std::make_shared<std::uint64_t>(0);
  CLI::App* verb = add_verb(*noun, "show", "Everything about one event");
  verb->add_option("sequence", *sequence, "Its sequence number")
      ->required()
      ->check(CLI::NonNegativeNumber);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [sequence](Context& context) { return show(context, *sequence); });

  add_why_verb(verbs, *noun);
  add_diff_verb(verbs, *noun);
  add_follow_verb(verbs, *noun);
  add_replay_verb(verbs, *noun);
  add_verify_verb(verbs, *noun);
  add_export_verb(verbs, *noun);
  add_import_verb(verbs, *noun);
}

}  // namespace banger::ctl
