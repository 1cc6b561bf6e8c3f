// `events ls`: what matches, found by the daemon.
#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

struct ListOptions {
  std::string vm, actor, correlation, since, until;
  std::vector<std::string> kinds;
  std::uint64_t limit = UINT64_MAX;
  bool reverse = false;
};

template <std::size_t... I>
std::map<std::string, std::uint16_t> kinds(std::index_sequence<I...>) {
  return {{std::string(std::variant_alternative_t<I, Event>::kName),
           std::variant_alternative_t<I, Event>::kKind}...};
}
const std::map<std::string, std::uint16_t>& all_kinds() {
  static const auto kAll = kinds(std::make_index_sequence<std::variant_size_v<Event>>());
  return kAll;
}
std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& [name, number] : all_kinds()) names.push_back(name);
  return names;
}

Answer<EventQuery> query_of(Session& session, const ListOptions& options) {
  EventQuery query{.actor = options.actor, .reverse = options.reverse, .limit = options.limit};
  for (const std::string& kind : options.kinds) query.kinds.push_back(all_kinds().at(kind));
  const auto since = read_bound(options.since);
  if (!since) return std::unexpected(since.error());
  const auto until = read_bound(options.until);
  if (!until) return std::unexpected(until.error());
  query.since = *since;
  query.until = *until;
  if (!options.correlation.empty()) {
    const auto id = CommandId::parse(options.correlation);
    if (!id)
      return misused("'" + options.correlation + "' is no request: those have 32 hex digits",
                     "bangerctl events show 1");
    query.correlation = *id;
  }
  if (!options.vm.empty()) {
    const auto row = find_vm(session, options.vm);
    if (!row) return std::unexpected(row.error());
    query.stream = row->stream;
  }
  return query;
}

// What is asked for and cannot be read, because archives that have it are not where they should be.
Answer<std::string> gap_before(Context& context, const EventQuery& query) {
  if (const auto connected = context.session().connect(); !connected) return std::unexpected(connected.error());
  const Sequence first = context.session().info().getFirstSequence();
  Sequence from = query.since ? query.since->sequence.value_or(0) : 1;
  const Sequence last = query.until ? query.until->sequence.value_or(UINT64_MAX) : UINT64_MAX;
  if (from >= first || (first <= 1)) return std::string();
  if (from == 0 || query.reverse) {  // by time it cannot be told which of them are asked for
    note("events before " + std::to_string(first) + " cannot be read: see `bangerctl log stat`");
    return std::string();
  }
  return gap_text(context.json(), from, std::min(last, first - 1)) + "\n";
}

Answer<int> list(Context& context, const ListOptions& options) {
  begin_paging();
  auto query = query_of(context.session(), options);
  if (!query) return std::unexpected(query.error());
  const auto gap = gap_before(context, *query);
  if (!gap) return std::unexpected(gap.error());
  EventSearch search(context.session(), *std::move(query));
  StreamNames names(context.session());
  std::string text = (context.json() ? "" : event_header()) + *gap;
  while (search.more()) {
    const auto records = search.next();
    if (!records) return std::unexpected(records.error());
    for (const EventRecord& record : *records) {
      names.learn(record);
      const std::string& name = names.of(record.envelope.stream);
      const bool erased = search.erased().contains(record.envelope.sequence);
      text += context.json() ? dump(event_json(record, name, erased)) + "\n"
                             : event_line(record, name, erased);
    }
    const auto done = print(std::exchange(text, {}));
    if (!done) return std::unexpected(done.error());
  }
  return printed(text);
}

}  // namespace

void add_list_verb(const Verbs& verbs, CLI::App& events) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = add_verb(events, "ls", "List events");
  verb->alias("list");
  verb->add_option("--vm", options->vm, "Of this VM only, which may be deleted");
  verb->add_option("--kind", options->kinds, "Of these kinds only")
      ->check(CLI::IsMember(kind_names()));
  verb->add_option("--actor", options->actor, "By this user, this client, or \"user/client\"");
  verb->add_option("--correlation", options->correlation,
                   "Of this request only, and all that came of it");
  verb->add_option("--since", options->since, "From this moment on: " + std::string(kWhenForms));
  verb->add_option("--until", options->until, "Up to this moment, included");
  verb->add_option("--limit", options->limit, "At most so many")->check(CLI::NonNegativeNumber);
  verb->add_flag("-r,--reverse", options->reverse, "Newest first");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return list(context, *options); });
}

}  // namespace banger::ctl
