// What every verb gets: the options that hold for all of them, what stood behind "--", and the
// Session. A verb is a function of it that gives an exit code, or a Failure.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/bangerctl/failure.h"
#include "cli/bangerctl/session.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace banger::ctl {

inline constexpr std::string_view kClientName = "bangerctl " BANGER_VERSION;

class Context {
 public:
  std::string socket;    // as given; empty: the default
  std::string data_dir;  // likewise
  std::string config;
  bool no_autostart = false;
  bool utc = false;
  bool iso = false;
  bool quiet = false;
  bool no_pager = false;
  std::string output = "table";   // or "json"
  bool rest_given = false;        // there was a "--"
  std::vector<std::string> rest;  // what stood behind it: a guest's command, untouched

  [[nodiscard]] bool json() const { return output == "json"; }
  // Made when first asked for; nothing is connected before a call.
  [[nodiscard]] Session& session();
  [[nodiscard]] DaemonStart daemon_start() const;

 private:
  std::unique_ptr<Session> session_;
};

using Action = std::function<Answer<int>(Context&)>;

// Where a noun's verbs go: `chosen` is set by the verb that the command line names.
struct Verbs {
  CLI::App& app;
  Action& chosen;
  Context& context;
};

// A verb of `noun`; the caller adds its options and what it does.
[[nodiscard]] CLI::App* add_verb(CLI::App& noun, const std::string& name, const std::string& about);
void on_chosen(const Verbs& verbs, CLI::App* verb, Action action);
void add_output_option(CLI::App* verb, Context& context);

void add_vm_verbs(const Verbs& verbs);
void add_image_verbs(const Verbs& verbs);
void add_event_verbs(const Verbs& verbs);
void add_projection_verbs(const Verbs& verbs);
void add_reconcile_verbs(const Verbs& verbs);
void add_daemon_verbs(const Verbs& verbs);
void add_doctor_verb(const Verbs& verbs);
void add_df_verb(const Verbs& verbs);
void add_prune_verb(const Verbs& verbs);
void add_complete_verb(const Verbs& verbs);
void add_manual_verb(const Verbs& verbs);

// Its words stand behind "--", too, and are nobody's command.
inline constexpr const char* kCompleteVerb = "complete";
inline constexpr const char* kManualVerb = "manual";
[[nodiscard]] std::string help_footer();

}  // namespace banger::ctl
