// events export: asks the daemon for the records of a bundle, page by page, writes them, and proves the file.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/log/bundle_file.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/bundle/writer.h"
#include "events/capnp_bytes.h"
#include "events/peek.h"

namespace banger::ctl {
namespace {

constexpr std::uint32_t kSequencesPage = 16'384;

Answer<std::vector<Sequence>> stream_sequences(Session& session, StreamId stream) {
  std::vector<Sequence> all;
  for (;;) {
    auto answer = session.call([&](schema::Control::Client control) {
      auto request = control.streamEventsRequest();
      request.setStreamKind(static_cast<std::uint16_t>(stream.kind));
      request.setStreamId(stream.id);
      request.setFromVersion(all.size() + 1);  // versions count from 1, without gaps
      request.setLimit(kSequencesPage);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    const auto sequences = answer->getSequences();
    for (const Sequence sequence : sequences) all.push_back(sequence);
    if (sequences.size() == 0) return all;
  }
}

constexpr std::size_t kMostOthers = 16'384;  // chosen events that one request names

struct ExportOptions {
  std::string file;
  std::string vm;
  std::string since;
  std::string until;
};

// What to take: a range, and single events before it.
struct Selection {
  Sequence first = 0;
  Sequence last = 0;
  std::vector<Sequence> others;
  std::string about;
};

Answer<bundle::Head> read_head(Session& session) {
  auto answer = session.call([](schema::Control::Client control) {
    return control.logCareRequest().send().getCare().headRequest().send();
  });
  if (!answer) return std::unexpected(answer.error());
  const auto head = answer->getHead();
  const auto store = StoreId::parse(text_of(head.getStoreId()));
  bundle::Head found{.store = store.value_or(StoreId{}), .epoch = head.getEpoch(), .head = head.getSequence()};
  if (!store || head.getChain().size() != found.chain.size()) {
    return failed("the daemon's log has no identity that this bangerctl understands");
  }
  std::ranges::copy(head.getChain(), found.chain.begin());
  return found;
}

// A range tells a story only with the beginnings of those whom it is about: earlier events of the streams in it.
Answer<std::vector<Sequence>> beginnings(Session& session, Sequence first, Sequence last) {
  std::map<StreamId, StreamVersion> earliest;
  for (Sequence from = first; from <= last;) {
    auto answer = session.call([&](schema::Control::Client control) {
      auto request = control.eventsRequest();
      request.setFrom(from);
      request.setMaxBytes(kPageBytes);
      request.setKnownActors(UINT32_MAX);
      request.setKnownBoots(UINT32_MAX);
      return request.send();
    });
    if (!answer) return std::unexpected(answer.error());
    const auto batch = answer->getBatch();
    for (const auto event : batch.getEvents()) {
      const auto peeked = peek(bytes_of(event.getOpen()));
      if (peeked && peeked->sequence <= last) earliest.try_emplace(peeked->stream, peeked->version);
    }
    if (batch.getNextSequence() <= from) break;
    from = batch.getNextSequence();
  }
  std::vector<Sequence> all;
  for (const auto& [stream, version] : earliest) {
    if (version <= 1) continue;
    const auto sequences = stream_sequences(session, stream);
    if (!sequences) return std::unexpected(sequences.error());
    std::ranges::copy_if(*sequences, std::back_inserter(all), [&](Sequence each) { return each < first; });
  }
  std::ranges::sort(all);
  return all;
}

struct Range {
  Sequence first = 0;
  Sequence last = 0;
};

// The one event that a query finds first; 0: none.
Answer<Sequence> found_first(Session& session, EventQuery query) {
  query.limit = 1;
  const auto records = search_all(session, std::move(query));
  if (!records) return std::unexpected(records.error());
  return records->empty() ? 0 : records->front().envelope.sequence;
}

// From the first to the last event that `events ls` lists for the same bounds: of events whose times go back, those
// between them, too.
Answer<Range> range_of(Session& session, const ExportOptions& options, Sequence head) {
  const auto since = read_bound(options.since);
  if (!since) return std::unexpected(since.error());
  const auto until = read_bound(options.until);
  if (!until) return std::unexpected(until.error());
  const bool timed = (*since && (*since)->time_ns) || (*until && (*until)->time_ns);
  if (!timed) {
    const Range range{std::max<Sequence>(*since ? *(*since)->sequence : 1, 1), *until ? *(*until)->sequence : head};
    if (range.first <= range.last && range.last <= head) return range;
    return failed("there are no events " + std::to_string(range.first) + " to " + std::to_string(range.last) +
                      ": the last is " + std::to_string(head),
                  "bangerctl events ls");
  }
  const auto first = found_first(session, {.since = *since, .until = *until});
  if (!first) return std::unexpected(first.error());
  const auto last = found_first(session, {.since = *since, .until = *until, .reverse = true});
  if (!last) return std::unexpected(last.error());
  const Range range{*first, std::min(*last, head)};  // the head is of a moment ago, and the bundle is up to there
  if (range.first != 0 && range.first <= range.last) return range;
  return failed("there are no events within these times", "bangerctl events ls");
}

Answer<Selection> choose(Session& session, const ExportOptions& options, Sequence head) {
  Selection selection;
  if (!options.vm.empty()) {
    const auto found = find_vm(session, options.vm);
    if (!found) return std::unexpected(found.error());
    auto sequences = stream_sequences(session, found->stream);
    if (!sequences) return std::unexpected(sequences.error());
    selection.others = *std::move(sequences);
    std::erase_if(selection.others, [&](Sequence each) { return each > head; });
    selection.about = "vm " + options.vm;
    return selection;
  }
  const auto range = range_of(session, options, head);
  if (!range) return std::unexpected(range.error());
  selection.first = range->first;
  selection.last = range->last;
  selection.about = "events " + std::to_string(selection.first) + " to " + std::to_string(selection.last);
  if (selection.first == 1) return selection;
  auto others = beginnings(session, selection.first, selection.last);
  if (!others) return std::unexpected(others.error());
  selection.others = *std::move(others);
  return selection;
}

// One page; its `next`.
Answer<Sequence> fetch(Session& session, const Selection& selection, Sequence cursor, bundle::BundleWriter& writer) {
  const auto begin = std::ranges::lower_bound(selection.others, cursor);
  const auto left = static_cast<std::size_t>(selection.others.end() - begin);
  const std::size_t named = std::min(left, kMostOthers);
  const bool more = named < left;
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().bundlePartRequest();
    auto chosen = request.initSelection();
    chosen.setFirst(selection.first);
    chosen.setLast(selection.last);
    chosen.setMoreOthers(more);
    auto others = chosen.initOthers(static_cast<unsigned>(named));
    for (unsigned i = 0; i < named; ++i) others.set(i, begin[i]);
    request.setCursor(cursor);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  const Status added = writer.add(bytes_of(answer->getRecords()));
  if (!added) return std::unexpected(to_failure(added.error()));
  const Sequence next = answer->getNext();
  return next == 0 && more ? begin[named - 1] + 1 : next;
}

Answer<int> tell(Context& context, const std::string& file, const bundle::Summary& summary, std::uint64_t bytes) {
  const std::string text =
      context.json()
          ? dump(Json{{"file", file},
                      {"about", summary.head.about},
                      {"store", summary.head.store.hex()},
                      {"epoch", summary.head.epoch},
                      {"events", summary.events},
                      {"left_out", summary.left_out},
                      {"blocks", summary.blocks},
                      {"first_sequence", summary.first},
                      {"last_sequence", summary.last},
                      {"bytes", bytes}}) + "\n"
          : describe({{"File", file},
                      {"About", summary.head.about},
                      {"Events", std::to_string(summary.events) + ", from " + std::to_string(summary.first) + " to " +
                                     std::to_string(summary.last)},
                      {"Proof", std::to_string(summary.blocks) + " blocks, with the digests of " +
                                    std::to_string(summary.left_out) + " other events"},
                      {"Bytes", std::to_string(bytes)}});
  return printed(text);
}

Answer<int> export_events(Context& context, const ExportOptions& options) {
  Session& session = context.session();
  auto head = read_head(session);
  if (!head) return std::unexpected(head.error());
  auto selection = choose(session, options, head->head);
  if (!selection) return std::unexpected(selection.error());
  head->first = selection->first;
  head->last = selection->last;
  head->about = selection->about;
  auto writer = bundle::BundleWriter::create(options.file, *head);
  if (!writer) return std::unexpected(to_failure(writer.error()));
  Progress progress;
  for (Sequence cursor = 0;;) {
    const auto next = fetch(session, *selection, cursor, *writer);
    if (!next) return std::unexpected(next.error());
    if (*next == 0) break;
    cursor = *next;
    progress.show("exported up to event " + std::to_string(cursor - 1));
  }
  const Status finished = writer->finish();
  if (!finished) return std::unexpected(to_failure(finished.error()));
  // What is handed on is proved first: by the file, not by what was meant to be in it.
  const auto summary = bundle::read_bundle_file(options.file, [](const bundle::Item&) -> Status { return {}; });
  if (!summary) return std::unexpected(to_failure(summary.error()));
  progress.clear();
  return tell(context, options.file, *summary, writer->bytes());
}

}  // namespace

void add_export_verb(const Verbs& verbs, CLI::App& events) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* verb = add_verb(events, "export",
                            "Write events into a bundle: a file that proves itself and is replayed anywhere");
  verb->add_option("file", options->file, "The bundle; must not exist")->required();
  auto* vm = verb->add_option("--vm", options->vm, "Everything about this VM, which may be deleted");
  verb->add_option("--since", options->since,
                   "From this moment on, with the beginnings of those concerned: " + std::string(kWhenForms))
      ->excludes(vm);
  verb->add_option("--until", options->until, "Up to this moment, included")->excludes(vm);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return export_events(context, *options); });
}

}  // namespace banger::ctl
