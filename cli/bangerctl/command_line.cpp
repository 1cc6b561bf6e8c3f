#include "cli/bangerctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/log/log_verbs.h"
#include "cli/bangerctl/terminal.h"
#include "cli/common/paths.h"

namespace banger::ctl {
namespace {

void add_global_options(CLI::App& app, Context& context) {
  app.add_option("--socket", context.socket, "Where the daemon listens [$BANGER_SOCKET]");
  app.add_option("--data-dir", context.data_dir,
                 "Data directory of a daemon that is started [$BANGER_DATA_DIR]");
  app.add_option("--config", context.config, "Configuration of a daemon that is started");
  app.add_flag("--no-autostart", context.no_autostart, "Fail where no daemon runs");
  app.add_flag("--utc", context.utc, "Times in UTC instead of \"3m ago\"");
  app.add_flag("--iso", context.iso, "Times as ISO 8601, to the millisecond, in UTC");
  app.add_flag("-q,--quiet", context.quiet, "Results and errors only");
  app.add_flag("--no-pager", context.no_pager,
               "Never through a pager [$BANGER_PAGER, $PAGER, else less]");
  context.socket = cli::environment("BANGER_SOCKET");
  context.data_dir = cli::environment("BANGER_DATA_DIR");
}

// The first words, and what makes their part of the tree; an empty one is hidden.
struct Noun {
  std::array<std::string_view, 2> words;
  void (*add)(const Verbs&);
};
constexpr Noun kNouns[] = {{{"vm"}, add_vm_verbs},
                           {{"image"}, add_image_verbs},
                           {{"events"}, add_event_verbs},
                           {{"projection"}, add_projection_verbs},
                           {{"reconcile"}, add_reconcile_verbs},
                           {{"daemon", "version"}, add_daemon_verbs},
                           {{"replay"}, add_bundle_replay_verb},
                           {{"log"}, add_log_verbs},
                           {{"doctor"}, add_doctor_verb},
                           {{"df"}, add_df_verb},
                           {{"prune"}, add_prune_verb}};

// Most of the time before the daemon is asked would go into options of verbs that nobody typed. A word that is not on
// the command line can't be a verb of it, so leaving that verb out changes nothing, except for who shows the tree:
// help, a usage error, completion and the manual get all of it.
void add_verbs(const Verbs& verbs, const std::vector<std::string>& words) {
  const auto typed = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
  const auto wanted = [&](const Noun& noun) {
    return std::ranges::any_of(noun.words, [&](std::string_view word) { return !word.empty() && typed(word); });
  };
  const bool all = typed("-h") || typed("--help") || typed(kCompleteVerb) || typed(kManualVerb) ||
                   std::ranges::none_of(kNouns, wanted);
  for (const Noun& noun : kNouns) {
    if (all || wanted(noun)) noun.add(verbs);
  }
  if (!all) return;
  add_complete_verb(verbs);
  add_manual_verb(verbs);
}

// One line: CLI11 has some messages of several.
std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

// "bangerctl vm run", as far as the command line could be followed.
std::string followed(const CLI::App& app) {
  std::string words = "bangerctl";
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    words += " " + at->get_name();
  }
  return words;
}

int refuse_usage(const CLI::App& app, const CLI::ParseError& error, bool rest_given) {
  Failure failure{kUsage, first_line(error.what()), followed(app) + " --help"};
  if (dynamic_cast<const CLI::ExtrasError*>(&error) && !rest_given &&
      (followed(app).ends_with(" exec") || followed(app).ends_with(" run"))) {
    failure.hint = "put -- before the guest's command: " + followed(app) + " ... -- command";
  }
  complain(failure);
  return kUsage;
}

int perform(const Action& action, Context& context) {
  wishes() = {.times = context.iso   ? TimeStyle::kIso
                       : context.utc ? TimeStyle::kUtc
                                     : TimeStyle::kRelative,
              .quiet = context.quiet,
              .no_pager = context.no_pager};
  try {
    Answer<int> done = action(context);
    const Answer<void> shown = end_paging();
    if (done && !shown) done = std::unexpected(shown.error());
    if (done) return *done;
    complain(done.error());
    return done.error().exit;
  } catch (const kj::Exception& exception) {
    (void)end_paging();
    complain({kFailed, exception.getDescription().cStr(), "bangerctl doctor"});
    return kFailed;
  }
}

}  // namespace

int run(int argc, char** argv) {
  Context context;
  // What stands behind "--" belongs to the guest: CLI11 never sees it.
  std::vector<std::string> words(argv + 1, argv + argc);
  const auto mark = std::find(words.begin(), words.end(), "--");
  context.rest_given = mark != words.end();
  if (context.rest_given) context.rest.assign(mark + 1, words.end());
  words.erase(mark, words.end());

  CLI::App app("bangerctl: microVMs with a log that loses nothing", "bangerctl");
  app.footer(help_footer);
  // Exactly one, on each level: so that a VM may be called "ls".
  app.require_subcommand(1);
  // Options of bangerctl may stand behind the verb, too.
  app.fallthrough();
  app.set_version_flag("--version", std::string(kClientName));
  add_global_options(app, context);
  Action chosen;
  const Verbs verbs{app, chosen, context};
  add_verbs(verbs, words);
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return refuse_usage(app, error, context.rest_given);
  }
  if (context.rest_given &&
      !(followed(app).ends_with(" exec") || followed(app).ends_with(" run") ||
        followed(app).ends_with(std::string(" ") + kCompleteVerb))) {
    complain({kUsage, "nothing may follow --", followed(app) + " --help"});
    return kUsage;
  }
  return perform(chosen, context);
}

}  // namespace banger::ctl
