#include "cli/bangerctl/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/terminal.h"
#include "cli/common/paths.h"

namespace banger::ctl {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done; 1 refused or failed; 2 the command line makes no sense; 3 no daemon "
    "answers.\n"
    "`vm exec` and `vm run` give the guest's command's code; 124 it ran out of time; 125 banger "
    "failed;\n"
    "128+n it was ended by signal n.";

void add_global_options(CLI::App& app, Context& context) {
  app.add_option("--socket", context.socket, "Where the daemon listens [$BANGER_SOCKET]");
  app.add_option("--data-dir", context.data_dir,
                 "Data directory of a daemon that is started [$BANGER_DATA_DIR]");
  app.add_option("--config", context.config, "Configuration of a daemon that is started");
  app.add_flag("--no-autostart", context.no_autostart, "Fail where no daemon runs");
  context.socket = cli::environment("BANGER_SOCKET");
  context.data_dir = cli::environment("BANGER_DATA_DIR");
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
  try {
    const Answer<int> done = action(context);
    if (done) return *done;
    complain(done.error());
    return done.error().exit;
  } catch (const kj::Exception& exception) {
    complain({kFailed, exception.getDescription().cStr()});
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
  app.footer(kFooter);
  // Exactly one, on each level: so that a VM may be called "ls".
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(kClientName));
  add_global_options(app, context);
  Action chosen;
  const Verbs verbs{app, chosen, context};
  add_vm_verbs(verbs);
  add_image_verbs(verbs);
  add_event_verbs(verbs);
  add_projection_verbs(verbs);
  add_reconcile_verbs(verbs);
  add_daemon_verbs(verbs);
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return refuse_usage(app, error, context.rest_given);
  }
  if (context.rest_given &&
      !(followed(app).ends_with(" exec") || followed(app).ends_with(" run"))) {
    complain({kUsage, "nothing may follow --", followed(app) + " --help"});
    return kUsage;
  }
  return perform(chosen, context);
}

}  // namespace banger::ctl
