#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/terminal.h"
#include "cli/manual/manual.h"

namespace banger::ctl {
namespace {

using Terms = std::vector<std::pair<std::string, std::string>>;

const Terms& exit_terms() {
  static const Terms kTerms{
      {"0", "Done."},
      {"1", "Refused, or it did not work; doctor: a check failed; verify, replay: a difference was found."},
      {"2", "The command line makes no sense. Nothing was asked of anybody."},
      {"3", "No daemon answers, and none could be started."},
      {"4", "Not permitted: the daemon answers, and we have not the role that this takes."},
      {"124", "vm exec, vm run: the command's --timeout was over."},
      {"125", "vm exec, vm run: banger failed, not the command in the guest."},
      {"128+n", "vm exec, vm run: signal n ended the command."},
      {"other", "vm exec, vm run: the command's own code."}};
  return kTerms;
}

manual::Page page_of() {
  return {
      .name = "bangerctl",
      .section = 1,
      .version = BANGER_VERSION,
      .about = "microVMs with a log that loses nothing",
      .text = "bangerctl asks the daemon bangerd, and starts it where none runs. Whatever is asked, what came of it and "
              "what was done about it is an event in a log, which events, vm history and projection show.\n\n"
              "Tables are for people: on a terminal they fit its width, have colours and go through a pager when they "
              "are long. Programs use -o json: one array for a list, one object a line for events.\n\n"
              "What stands behind -- belongs to the command in the guest.",
      .sections = {{"EXIT STATUS", "", exit_terms()},
                   {"ENVIRONMENT",
                    "",
                    {{"BANGER_SOCKET", "Where the daemon listens; --socket goes before it."},
                     {"BANGER_DATA_DIR", "Data directory of a daemon that is started; --data-dir goes before it."},
                     {"BANGER_PAGER, PAGER", "The pager; empty or cat for none. Without them less runs with -FRX."},
                     {"NO_COLOR", "Not empty: no colours."},
                     {"LC_ALL, LC_CTYPE, LANG", "Marks and bars are Unicode where the locale is UTF-8."},
                     {"COLUMNS, LINES", "Size of a terminal that does not tell it."}}},
                   {"FILES",
                    "",
                    {{"/run/banger/bangerd.sock, $XDG_RUNTIME_DIR/banger/bangerd.sock", "Where the daemon listens by default."},
                     {"/var/lib/banger, ~/.local/share/banger", "The data directory."}}}},
      .see_also = {"bangerd(8)", "banger-log(8)", "bangerd.toml(5)"}};
}

}  // namespace

std::string help_footer() {
  std::string text = "Exit codes:\n";
  for (const auto& [code, meaning] : exit_terms()) {
    text += "  " + code + std::string(code.size() < 8 ? 8 - code.size() : 1, ' ') + meaning + "\n";
  }
  return text;
}

void add_manual_verb(const Verbs& verbs) {
  CLI::App* verb = add_verb(verbs.app, kManualVerb, "bangerctl(1), for man");
  verb->group("");  // the build's
  on_chosen(verbs, verb, [&root = verbs.app](Context&) -> Answer<int> {
    const auto done = print(manual::of_program(root, page_of()));
    if (!done) return std::unexpected(done.error());
    return kOk;
  });
}

}  // namespace banger::ctl
