#include "cli/bangerd/manual_pages.h"

#include "cli/bangerd/config.h"
#include "cli/manual/manual.h"

namespace banger::bangerd {
namespace {

manual::Page daemon_page() {
  return {.name = "bangerd",
          .section = 8,
          .version = BANGER_VERSION,
          .about = "keeps microVMs as the event log says they should be",
          .text = "bangerd serves one data directory; a second one exits before it touches anything. It may be killed "
                  "at any instant: the next one reads its log, looks at the host and goes on. VMs run in sessions of "
                  "their own and outlive it.\n\n"
                  "SIGTERM and SIGINT end it cleanly; VMs go on. Under systemd its unit needs KillMode=process and "
                  "SendSIGKILL=no, or systemd ends the VMs with it.\n\n"
                  "bangerctl starts one where none runs; its output is then in bangerd.log in the data directory.",
          .sections = {{"EXIT STATUS",
                        "",
                        {{"0", "Stopped."},
                         {"1", "Could not start."},
                         {"2", "The command line or the configuration makes no sense."},
                         {"70", "The event log failed. What the last append left behind is known once it is opened again."}}},
                       {"FILES",
                        "",
                        {{"/etc/banger/banger.toml, ~/.config/banger/banger.toml", "Configuration; see bangerd.toml(5)."},
                         {"DATA/log, DATA/anchor", "The event log and its head anchor."},
                         {"DATA/images, DATA/vms", "Images; VMs' disks, keys and consoles."}}}},
          .see_also = {"bangerctl(1)", "bangerd.toml(5)", "banger-log(8)"}};
}

manual::Page config_page() {
  manual::Section keys{"KEYS", "A key with a dot stands in a table: vmm.accel is accel below [vmm]."};
  for (const ConfigKey& each : config_keys()) {
    keys.terms.emplace_back(each.name, std::string(each.about) + " Default: " + std::string(each.standard) + ".");
  }
  return {.name = "bangerd.toml",
          .section = 5,
          .version = BANGER_VERSION,
          .about = "configuration of bangerd",
          .text = "TOML. bangerd reads /etc/banger/banger.toml as root, $XDG_CONFIG_HOME/banger/banger.toml as anybody "
                  "else, or what --config names. A key that is not known, or of the wrong type, is an error that names "
                  "file, line and key; bangerd --check tells without starting anything.",
          .sections = {std::move(keys)},
          .see_also = {"bangerd(8)"}};
}

}  // namespace

std::string manual_text(const CLI::App& app, int section) {
  return section == 5 ? manual::of_file(config_page()) : manual::of_program(app, daemon_page());
}

}  // namespace banger::bangerd
