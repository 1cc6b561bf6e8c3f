#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/doctor/findings.h"
#include "cli/bangerctl/doctor/gather.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "events/capnp_bytes.h"

namespace banger::ctl {
namespace {

using doctor::Finding;
using doctor::Level;

doctor::Facts gather(Context& context) {
  doctor::Facts facts{.client_version = BANGER_VERSION, .now_ns = now_ns()};
  DaemonStart start = context.daemon_start();
  // The file that the daemon has read says more than the one that another would read.
  if (context.session().connect(Session::Start::kNever) && start.config.empty()) {
    start.config = text_of(context.session().info().getConfigFile());
  }
  doctor::gather_settings(start, facts);
  const bool answers = doctor::gather_daemon(context.session(), facts);
  doctor::gather_host(facts);
  if (!answers && facts.lock_holder == 0) doctor::gather_closed_log(facts);
  return facts;
}

Tone tone_of(Level level) {
  switch (level) {
    case Level::kPass:
      return Tone::kGood;
    case Level::kWarn:
      return Tone::kBusy;
    case Level::kFail:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

// Findings are sentences, so they stand in full: what mends one is on a line of its own.
std::string as_text(const std::vector<Finding>& findings, bool all) {
  std::string text;
  for (const Finding& each : findings) {
    if (!all && each.level == Level::kPass) continue;
    text += toned(doctor::name_of(each.level), tone_of(each.level), stdout_look()) + "  " +
            escape(each.check) + ": " + escape(each.message) + "\n";
    if (!each.mend.empty()) text += "      mend: " + escape(each.mend) + "\n";
  }
  return text;
}

Answer<int> examine(Context& context) {
  const std::vector<Finding> findings = doctor::diagnose(gather(context));
  std::size_t failures = 0, warnings = 0;
  Json array = Json::array();
  for (const Finding& each : findings) {
    failures += each.level == Level::kFail;
    warnings += each.level == Level::kWarn;
    array.push_back({{"level", doctor::name_of(each.level)},
                     {"check", each.check},
                     {"message", each.message},
                     {"mend", each.mend.empty() ? Json(nullptr) : Json(each.mend)}});
  }
  const std::string summary = std::to_string(findings.size()) + " checks, " +
                              std::to_string(failures) + " failed, " + std::to_string(warnings) +
                              (warnings == 1 ? " warning\n" : " warnings\n");
  const auto shown = printed(context.json() ? dump(array) + "\n"
                                         : as_text(findings, !wishes().quiet) + summary);
  if (!shown) return shown;
  return failures == 0 ? kOk : kFailed;
}

}  // namespace

void add_doctor_verb(const Verbs& verbs) {
  CLI::App* verb = add_verb(verbs.app, "doctor",
                            "Examine host, log and VMs, and say what mends what is wrong; changes nothing");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, examine);
}

}  // namespace banger::ctl
