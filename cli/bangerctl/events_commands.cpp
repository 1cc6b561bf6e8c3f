#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

constexpr Sequence kWindow = 256;  // events read at a time, backwards
constexpr std::size_t kFlushBytes = 64 * 1024;

struct ListOptions {
  std::string vm;
  std::string kind;
  std::uint64_t since = 1;
  std::uint64_t limit = UINT64_MAX;
  bool reverse = false;
};

template <std::size_t... I>
std::vector<std::string> kinds(std::index_sequence<I...>) {
  return {std::string(std::variant_alternative_t<I, Event>::kName)...};
}

// Prints what passes the filters, in pieces.
class Listing {
 public:
  Listing(Context& context, const ListOptions& options)
      : json_(context.json()), options_(options), names_(context.session()) {
    if (!json_) text_ = event_header();
  }
  // False once enough is printed.
  [[nodiscard]] Answer<bool> take(const EventRecord& record) {
    names_.learn(record);
    if (record.envelope.sequence < options_.since) return true;
    if (!options_.kind.empty() && name_of(record.event) != options_.kind) return true;
    if (taken_ == options_.limit) return false;
    ++taken_;
    const std::string& name = names_.of(record.envelope.stream);
    text_ += json_ ? dump(event_json(record, name)) + "\n" : event_line(record, name);
    if (text_.size() >= kFlushBytes) {
      const auto done = flush();
      if (!done) return std::unexpected(done.error());
    }
    return taken_ < options_.limit;
  }
  [[nodiscard]] Answer<void> flush() { return print(std::exchange(text_, {})); }

 private:
  bool json_;
  const ListOptions& options_;
  StreamNames names_;
  std::uint64_t taken_ = 0;
  std::string text_;
};

Answer<void> list_stream(Context& context, const ListOptions& options, Listing& listing) {
  const auto stream = find_vm_stream(context.session(), options.vm);
  if (!stream) return std::unexpected(stream.error());
  auto sequences = stream_sequences(context.session(), *stream);
  if (!sequences) return std::unexpected(sequences.error());
  if (options.reverse) std::ranges::reverse(*sequences);
  EventReader reader(context.session());
  for (const Sequence sequence : *sequences) {
    const auto record = reader.at(sequence);
    if (!record) return std::unexpected(record.error());
    const auto more = listing.take(*record);
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
  }
  return {};
}

Answer<void> list_forward(Context& context, const ListOptions& options, Listing& listing) {
  EventReader reader(context.session());
  for (Sequence from = std::max<Sequence>(options.since, 1);;) {
    const auto records = reader.page(from, kPageBytes);
    if (!records) return std::unexpected(records.error());
    if (records->empty()) return {};
    for (const EventRecord& record : *records) {
      const auto more = listing.take(record);
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
    }
    from = records->back().envelope.sequence + 1;
  }
}

Answer<void> list_backward(Context& context, const ListOptions& options, Listing& listing) {
  EventReader reader(context.session());
  const auto connected = context.session().connect();
  if (!connected) return std::unexpected(connected.error());
  const Sequence first = std::max<Sequence>(options.since, 1);
  for (Sequence end = context.session().info().getHeadSequence() + 1; end > first;) {
    const Sequence begin = end - first > kWindow ? end - kWindow : first;
    std::vector<EventRecord> window;
    for (Sequence from = begin; from < end; from = window.back().envelope.sequence + 1) {
      auto records = reader.page(from, kPageBytes);
      if (!records) return std::unexpected(records.error());
      if (records->empty()) return failed("the log ends before event " + std::to_string(from));
      std::ranges::move(*records, std::back_inserter(window));
    }
    for (auto record = window.rbegin(); record != window.rend(); ++record) {
      if (record->envelope.sequence >= end) continue;
      const auto more = listing.take(*record);
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
    }
    end = begin;
  }
  return {};
}

Answer<int> list(Context& context, const ListOptions& options) {
  begin_paging();
  Listing listing(context, options);
  const auto listed = !options.vm.empty() ? list_stream(context, options, listing)
                      : options.reverse   ? list_backward(context, options, listing)
                                          : list_forward(context, options, listing);
  if (!listed) return std::unexpected(listed.error());
  const auto done = listing.flush();
  if (!done) return std::unexpected(done.error());
  return kOk;
}

Answer<int> show(Context& context, std::uint64_t sequence) {
  EventReader reader(context.session());
  const auto record = reader.at(sequence);
  if (!record) return std::unexpected(record.error());
  StreamNames names(context.session());
  names.learn(*record);
  const Json json = event_json(*record, names.of(record->envelope.stream));
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

std::string event_line(const EventRecord& record, std::string_view name) {
  const Envelope& envelope = record.envelope;
  return line_of({std::to_string(envelope.sequence), when(envelope.time_ns),
                  stream_label(envelope.stream, name), std::string(name_of(record.event)),
                  actor_label(envelope.actor), event_details(record.event)});
}

void add_event_verbs(const Verbs& verbs) {
  CLI::App* noun =
      add_verb(verbs.app, "events", "The log of everything that was asked and what came of it");
  noun->require_subcommand(1);

  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = add_verb(*noun, "ls", "List events");
  verb->alias("list");
  verb->add_option("--vm", options->vm, "Of this VM only, which may be deleted");
  verb->add_option("--kind", options->kind, "Of this kind only")
      ->check(CLI::IsMember(kinds(std::make_index_sequence<std::variant_size_v<Event>>())));
  verb->add_option("--since", options->since, "From this sequence number on")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--limit", options->limit, "At most so many")->check(CLI::NonNegativeNumber);
  verb->add_flag("-r,--reverse", options->reverse, "Newest first");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return list(context, *options); });

  auto sequence = std::make_shared<std::uint64_t>(0);
  verb = add_verb(*noun, "show", "Everything about one event");
  verb->add_option("sequence", *sequence, "Its sequence number")
      ->required()
      ->check(CLI::NonNegativeNumber);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [sequence](Context& context) { return show(context, *sequence); });

  add_follow_verb(verbs, *noun);
  add_replay_verb(verbs, *noun);
  add_verify_verb(verbs, *noun);
}

}  // namespace banger::ctl
