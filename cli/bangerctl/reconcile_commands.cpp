#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

Answer<int> plan(Context& context) {
  auto answer = context.session().call(
      [](schema::Control::Client control) { return control.reconcilePlanRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  Json array = Json::array();
  Table table({"SUBJECT", "DESIRED", "OBSERVED", "ACTION", "UNDER WAY"});
  for (const auto line : answer->getLines()) {
    array.push_back({{"subject", text_of(line.getSubject())},
                     {"id", text_of(line.getId())},
                     {"desired", text_of(line.getDesired())},
                     {"observed", text_of(line.getObserved())},
                     {"action", text_of(line.getAction())},
                     {"under_way", text_of(line.getUnderWay())}});
    table.add({text_of(line.getSubject()), text_of(line.getDesired()), text_of(line.getObserved()),
               text_of(line.getAction()), text_of(line.getUnderWay())});
  }
  if (answer->getLeftOut() != 0) note(std::to_string(answer->getLeftOut()) + " lines more did not fit");
  return context.json() ? printed(dump(array) + "\n") : printed(table);
}

std::string shadow_folds(schema::ReconcileStatus::Reader status) {
  if (status.getShadowFolds() == 0) return "none yet";
  return std::to_string(status.getShadowFolds()) + ", the last " + age(status.getLastShadowFoldNs(), now_ns()) +
         " ago, up to event " + std::to_string(status.getShadowFoldTo());
}

Answer<int> status(Context& context) {
  auto answer = context.session().call(
      [](schema::Control::Client control) { return control.reconcileStatusRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  const auto status = answer->getStatus();
  if (context.json()) {
    Json json{{"observations", status.getObservations()}};
    add_field(json, "last_observation_ns", status.getLastObservationNs());
    json["last_duration_us"] = status.getLastDurationUs();
    json["tick_ms"] = status.getTickMs();
    json["in_flight"] = status.getInFlight();
    json["held"] = status.getHeld();
    json["corrections"] = status.getCorrections();
    json["parked"] = status.getParked();
    json["last_error"] = text_of(status.getLastError());
    json["shadow_folds"] = status.getShadowFolds();
    add_field(json, "last_shadow_fold_ns", status.getLastShadowFoldNs());
    json["shadow_fold_to"] = status.getShadowFoldTo();
    json["drifted_rows"] = status.getDriftedRows();
    return printed(dump(json) + "\n");
  }
  const std::int64_t last = status.getLastObservationNs();
  return printed(
      describe({{"Observations", std::to_string(status.getObservations())},
                {"Last", last == 0 ? ""
                                   : when(last) + ", took " +
                                         std::to_string(status.getLastDurationUs()) + " us"},
                {"Every", format_ms(status.getTickMs())},
                {"Under way", std::to_string(status.getInFlight())},
                {"Held back", std::to_string(status.getHeld())},
                {"Corrections", std::to_string(status.getCorrections())},
                {"Parked streams", std::to_string(status.getParked())},
                {"Shadow folds", shadow_folds(status)},
                {"Drifted rows", std::to_string(status.getDriftedRows())},
                {"Last error", text_of(status.getLastError())}}));
}

}  // namespace

void add_reconcile_verbs(const Verbs& verbs) {
  CLI::App* noun =
      add_verb(verbs.app, "reconcile", "What the log wants against what the host shows");
  noun->require_subcommand(1);
  CLI::App* verb = add_verb(*noun, "plan", "What is desired, what was observed, and what is to be done, for each VM and image");
  add_output_option(verb, verbs.context);
  verb->add_flag("--dry-run")->description("Only tell: the default, and all that it does; the daemon acts by itself");
  on_chosen(verbs, verb, plan);
  verb = add_verb(*noun, "status", "How the reconciler is doing");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, status);
}

}  // namespace banger::ctl
