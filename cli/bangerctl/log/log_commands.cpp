// The noun `log`: the event log as a thing to be kept: whole, copied, repaired, and free of what must go.
#include <CLI/CLI.hpp>

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/log/care_calls.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/log/offline.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"
#include "cli/common/paths.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

// Chain, anchor and indexes, then the projections.
Answer<int> verify(Context& context) {
  auto answer = context.session().call(
      [](schema::Control::Client control) { return control.verifyRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  const auto report = answer->getReport();
  const auto checked = check_projections(context.session(), "");
  // A log that cannot be read cannot be folded either: what is wrong with it is said all the same.
  if (!checked && report.getProblems().size() == 0) return std::unexpected(checked.error());
  Json problems = Json::array();
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto problem : report.getProblems()) {
    problems.push_back(text_of(problem));
    found.emplace_back("Problem", text_of(problem));
  }
  std::uint64_t rows = 0;
  Sequence folded_to = 0;
  if (checked) {
    folded_to = checked->getReport().getSequence();
    for (const auto each : checked->getReport().getProjections()) {
      rows += each.getRows();
      if (each.getDrifted() == 0) continue;
      const std::string drift = "projection " + text_of(each.getName()) + ": " + std::to_string(each.getDrifted()) +
                                " rows are not what the log makes them";
      problems.push_back(drift);
      found.emplace_back("Problem", drift);
    }
  }
  std::vector<std::pair<std::string, std::string>> fields{
      {"Verdict", problems.empty() ? "whole" : "damaged"},
      {"Events", std::to_string(report.getEvents())},
      {"Blocks", std::to_string(report.getBlocks())},
      {"Chain", text_of(report.getChain())},
      {"Rows", checked ? std::to_string(rows) + ", held against a fold of " + std::to_string(folded_to) + " events"
                       : "not held against the log: it cannot be folded"}};
  fields.insert(fields.end(), found.begin(), found.end());
  return tell(context,
              Json{{"ok", problems.empty()},
                   {"events", report.getEvents()},
                   {"blocks", report.getBlocks()},
                   {"head_sequence", report.getHeadSequence()},
                   {"chain", text_of(report.getChain())},
                   {"rows", rows},
                   {"folded_to", folded_to},
                   {"problems", problems}},
              fields, problems.empty() ? kOk : kFailed);
}

Answer<int> backup(Context& context, const std::string& directory) {
  const std::string target = cli::absolute_path(directory);
  auto answer = context.session().call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().backupRequest();
    request.setDirectory(target);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
  return tell(context, Json{{"backup", target}, {"head", answer->getSequence()}},
              {{"Backup", target}, {"Events", "at least " + std::to_string(answer->getSequence())}});
}

Answer<int> erase(Context& context, const std::string& vm) {
  const auto found = find_vm(context.session(), vm);
  if (!found) return std::unexpected(found.error());
  auto answer = context.session().call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().eraseRequest();
    request.setVmId(found->stream.id);
    request.setName(found->name);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
  const std::uint64_t events = answer->getEvents();
  if (events > 0) note("bundles and backups that were made before still have it: they are beyond the log's reach");
  return tell(context, Json{{"events", events}, {"recorded_as", events == 0 ? Json(nullptr) : Json(answer->getSequence())}},
              {{"Erased", std::to_string(events) + " events' personal parts"},
               {"Recorded as", events == 0 ? "" : "event " + std::to_string(answer->getSequence())}});
}

}  // namespace

void add_log_verbs(const Verbs& verbs) {
  CLI::App* noun = add_verb(verbs.app, "log", "Keep the event log whole, copied and tidy");
  noun->require_subcommand(1);
  CLI::App* verb = add_verb(*noun, "verify", "Chain, anchor, indexes, and the projections against a fold");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, verify);

  auto directory = std::make_shared<std::string>();
  verb = add_verb(*noun, "backup", "Copy the log into a new directory while the daemon runs");
  verb->add_option("directory", *directory, "Must not exist")->required();
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [directory](Context& context) { return backup(context, *directory); });

  auto from = std::make_shared<std::string>();
  verb = add_verb(*noun, "restore", "Put a backup in the log's place, in a new epoch; no daemon may run");
  verb->add_option("directory", *from, "What `log backup` made")->required()->check(CLI::ExistingDirectory);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb,
            [from](Context& context) { return become_banger_log(context, {"restore", *from}); });

  auto accept_loss = std::make_shared<bool>(false);
  verb = add_verb(*noun, "repair", "Drop what is damaged at the log's end, on a copy; no daemon may run");
  verb->add_flag("--accept-loss", *accept_loss, "Go on although events that had been synced are missing");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [accept_loss](Context& context) {
    return become_banger_log(context, *accept_loss ? std::vector<std::string>{"repair", "--accept-loss"}
                                                   : std::vector<std::string>{"repair"});
  });

  auto vm = std::make_shared<std::string>();
  verb = add_verb(*noun, "erase", "Cut out of the log what people typed about one VM; the chain stays whole");
  verb->add_option("--vm", *vm, "Name, id or prefix; it may be deleted")->required();
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [vm](Context& context) { return erase(context, *vm); });
  add_archive_verbs(verbs, *noun);
}

}  // namespace banger::ctl
