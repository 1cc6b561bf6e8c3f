// log archive, log stat: the oldest events go into files, and where they are.
#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/log/care_calls.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "events/capnp_bytes.h"
#include "events/codec_values.h"

namespace banger::ctl {
namespace {

struct ArchiveOptions {
  std::string before;
  bool dry_run = false;
};

std::string range(Sequence first, Sequence last) { return std::to_string(first) + " to " + std::to_string(last); }

Answer<int> archive(Context& context, const ArchiveOptions& options) {
  const auto before = read_when(options.before);
  if (!before) return std::unexpected(before.error());
  auto answer = context.session().call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().archiveRequest();
    write(request.initBefore(), *before);
    request.setDryRun(options.dry_run);
    request.setProgress(shown_progress("archive"));
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
  const auto archived = answer->getArchived();
  if (archived.getFirst() == 0) {
    note("nothing to archive: the newest events always stay in the database (docs/OPERATIONS.md)");
    if (!context.json()) return 0;
  }
  const std::uint64_t events = archived.getFirst() == 0 ? 0 : archived.getLast() - archived.getFirst() + 1;
  const bool done = archived.getSequence() != 0;
  Json json{{"dry_run", options.dry_run},
            {"events", events},
            {"first_sequence", archived.getFirst()},
            {"last_sequence", archived.getLast()},
            {"block_bytes", archived.getBlockBytes()},
            {"file", done ? Json(text_of(archived.getFile())) : Json(nullptr)},
            {"file_bytes", done ? Json(archived.getFileBytes()) : Json(nullptr)},
            {"recorded_as", done ? Json(archived.getSequence()) : Json(nullptr)}};
  std::vector<std::pair<std::string, std::string>> fields{
      {done ? "Archived" : "Would archive", std::to_string(events) + " events"}};
  if (events > 0) {
    fields.emplace_back("Events", range(archived.getFirst(), archived.getLast()));
    fields.emplace_back("Blocks", format_bytes(archived.getBlockBytes()));
  }
  if (done) {
    fields.emplace_back("File", text_of(archived.getFile()) + ", " + format_bytes(archived.getFileBytes()));
    fields.emplace_back("Recorded as", "event " + std::to_string(archived.getSequence()));
  }
  return tell(context, json, fields);
}

Answer<int> stat(Context& context) {
  auto head = context.session().call([](schema::Control::Client control) {
    return control.logCareRequest().send().getCare().headRequest().send();
  });
  if (!head) return std::unexpected(head.error());
  auto answer = context.session().call([](schema::Control::Client control) {
    return control.logCareRequest().send().getCare().archivesRequest().send();
  });
  if (!answer) return std::unexpected(answer.error());
  const auto log = head->getHead();
  Json archives = Json::array();
  std::vector<std::pair<std::string, std::string>> fields{
      {"Store", text_of(log.getStoreId())},
      {"Epoch", std::to_string(log.getEpoch())},
      {"Events", range(log.getFirstSequence(), log.getSequence())},
      {"Archives", std::to_string(answer->getArchives().size())}};
  for (const auto each : answer->getArchives()) {
    const std::string problem = text_of(each.getProblem());
    archives.push_back({{"first_sequence", each.getFirst()},
                        {"last_sequence", each.getLast()},
                        {"file", text_of(each.getFile())},
                        {"bytes", each.getBytes()},
                        {"digest", to_hex(read_digest(each.getDigest()).value_or(Digest{}))},
                        {"problem", problem.empty() ? Json(nullptr) : Json(problem)}});
    fields.emplace_back("Archive", text_of(each.getFile()) + ", events " + range(each.getFirst(), each.getLast()) +
                                       ", " + format_bytes(each.getBytes()));
    if (!problem.empty()) fields.emplace_back("Problem", problem);
  }
  return tell(context,
              Json{{"store", text_of(log.getStoreId())},
                   {"epoch", log.getEpoch()},
                   {"first_sequence", log.getFirstSequence()},
                   {"last_sequence", log.getSequence()},
                   {"archives", archives}},
              fields);
}

}  // namespace

void add_archive_verbs(const Verbs& verbs, CLI::App& log) {
  auto options = std::make_shared<ArchiveOptions>();
  CLI::App* verb = add_verb(log, "archive", "Put the oldest events into a file; they can be read as before");
  verb->add_option("--before", options->before, "Events before: " + std::string(kWhenForms))->required();
  verb->add_flag("--dry-run", options->dry_run, "Say how many events and bytes, and change nothing");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return archive(context, *options); });

  verb = add_verb(log, "stat", "Which events there are, and in which archives");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, stat);
}

}  // namespace banger::ctl
