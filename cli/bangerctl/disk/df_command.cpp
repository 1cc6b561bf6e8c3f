#include <CLI/CLI.hpp>

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/disk/leftovers.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/common/directory.h"
#include "engine/paths.h"

namespace banger::ctl {
namespace {

using cli::Usage;

struct Class {
  std::string name;
  std::string about;
  Usage usage = {};
};

// VMs' directories file by file; what has no class of its own (keys, seeds, sockets) is "other".
void add_vms(const Layout& layout, Class& overlays, Class& consoles, Class& other) {
  const auto vms = cli::names_in(layout.vms_dir());
  if (!vms) return;
  for (const std::string& vm : *vms) {
    const std::string dir = layout.vms_dir() + "/" + vm;
    const auto names = cli::names_in(dir);
    if (!names) continue;
    for (const std::string& name : *names) {
      Class& to = name.starts_with("system.")       ? overlays
                  : name.starts_with("console.log") ? consoles
                                                    : other;
      to.usage.add(cli::usage_of(dir + "/" + name));
    }
  }
}

Answer<std::vector<Class>> classes(const std::string& data_dir) {
  const auto names = cli::names_in(data_dir);
  if (!names) return failed(names.error().message, "run it as the user whose daemon it is");
  const Layout layout{data_dir};
  Class log{"log", "the event log's database", {}};
  Class archives{"archives", "its oldest events, in files", cli::usage_of(layout.log_dir() + "/archive")};
  if (const auto in_log = cli::names_in(layout.log_dir())) {
    for (const std::string& name : *in_log) {
      if (name != "archive") log.usage.add(cli::usage_of(layout.log_dir() + "/" + name));
    }
  }
  Class anchor{"anchors", "its head anchor", cli::usage_of(layout.anchor_dir())};
  Class images{"images", "images that VMs start from", cli::usage_of(layout.images_dir())};
  Class overlays{"overlays", "VMs' disks, over their images"};
  Class consoles{"consoles", "what is kept of VMs' consoles"};
  Class other{"other", "keys, seeds, the daemon's own log"};
  add_vms(layout, overlays, consoles, other);
  for (const std::string& name : *names) {
    const bool counted = name == "log" || name == "anchor" || name == "images" || name == "vms";
    if (!counted) other.usage.add(cli::usage_of(data_dir + "/" + name));
  }
  return std::vector<Class>{log, archives, anchor, images, overlays, consoles, other};
}

Answer<int> df(Context& context) {
  const std::string data_dir = data_directory(context);
  const auto all = classes(data_dir);
  if (!all) return std::unexpected(all.error());
  Usage total;
  Json array = Json::array();
  Table table({"WHAT", "FILES", "SIZE", "ON DISK", "ABOUT"});
  const auto add = [&](const std::string& name, const Usage& usage, const std::string& about) {
    array.push_back({{"class", name},
                     {"files", usage.files},
                     {"apparent_bytes", usage.apparent_bytes},
                     {"disk_bytes", usage.disk_bytes}});
    table.add({name, std::to_string(usage.files), format_bytes(usage.apparent_bytes),
               format_bytes(usage.disk_bytes), about});
  };
  for (const Class& each : *all) {
    add(each.name, each.usage, each.about);
    total.add(each.usage);
  }
  add("total", total, data_dir);
  return context.json() ? printed(dump(array) + "\n") : printed(table);
}

}  // namespace

void add_df_verb(const Verbs& verbs) {
  CLI::App* verb = add_verb(verbs.app, "df", "What the data directory takes, by class");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, df);
}

}  // namespace banger::ctl
