#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "cli/bangerctl/disk/leftovers.h"
#include "cli/bangerctl/doctor/gather.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

struct PruneOptions {
  bool yes = false;
  bool dry_run = false;
  bool aside = false;
};

// A directory is a process's as long as that runs, whatever the log says.
bool in_use(const Leftover& leftover) {
  if (leftover.kind != LeftoverKind::kVmDirectory) return false;
  const auto vms = doctor::find_vmms(leftover.path.substr(0, leftover.path.rfind('/')));
  return std::ranges::any_of(vms, [&](const auto& each) { return each.vm == leftover.name; });
}

Answer<void> remove_one(Session& session, const Leftover& leftover) {
  if (leftover.kind == LeftoverKind::kFailedImage) {
    const auto accepted = submit(
        session, [&](schema::Intent::Builder intent) { intent.setDeleteImage(leftover.name); });
    if (!accepted) return std::unexpected(accepted.error());
    return {};
  }
  if (in_use(leftover)) return failed(leftover.path + " is in use by a VMM", "bangerctl doctor");
  std::error_code error;
  std::filesystem::remove_all(leftover.path, error);  // follows no link
  if (error) return failed("remove " + leftover.path + ": " + error.message());
  return {};
}

// What is asked is answered at the terminal, and nothing but a yes is one.
Answer<bool> agreed(const PruneOptions& options, std::size_t count, std::uint64_t bytes) {
  if (options.yes) return true;
  if (!is_terminal(0)) return misused("nobody can be asked here", "bangerctl prune -y");
  const std::string question = "Remove " + std::to_string(count) +
                               (count == 1 ? " thing, " : " things, ") + format_bytes(bytes) +
                               "? [y/N] ";
  std::fputs(question.c_str(), stderr);
  std::array<char, 16> typed{};
  const std::string answer = std::fgets(typed.data(), typed.size(), stdin) ? typed.data() : "";
  return answer == "y\n" || answer == "Y\n" || answer == "yes\n";
}

Json leftover_json(const Leftover& leftover, bool removed) {
  return {{"kind", name_of(leftover.kind)},
          {"name", leftover.name},
          {"path", leftover.path.empty() ? Json(nullptr) : Json(leftover.path)},
          {"disk_bytes", leftover.disk_bytes},
          {"removed", removed}};
}

// Each by itself: what cannot go does not keep the others.
Answer<int> remove_all(Context& context, const std::vector<Leftover>& all) {
  int code = kOk;
  std::uint64_t freed = 0;
  Json array = Json::array();
  for (const Leftover& each : all) {
    const auto gone = remove_one(context.session(), each);
    if (gone) freed += each.disk_bytes;
    array.push_back(leftover_json(each, gone.has_value()));
    if (gone) continue;
    complain(gone.error());
    code = kFailed;
  }
  const auto shown =
      print(context.json() ? dump(array) + "\n" : "freed " + format_bytes(freed) + "\n");
  if (!shown) return std::unexpected(shown.error());
  return code;
}

Answer<int> prune(Context& context, const PruneOptions& options) {
  const auto all = find_leftovers(context.session(), options.aside);
  if (!all) return std::unexpected(all.error());
  std::uint64_t bytes = 0;
  Table table({"WHAT", "NAME", "ON DISK"});
  Json array = Json::array();
  for (const Leftover& each : *all) {
    bytes += each.disk_bytes;
    table.add({std::string(name_of(each.kind)), each.name, format_bytes(each.disk_bytes)});
    array.push_back(leftover_json(each, false));
  }
  if (all->empty() || options.dry_run) {
    if (context.json()) return printed(dump(array) + "\n");
    return all->empty() ? printed("nothing to remove\n") : printed(table);
  }
  if (!context.json()) {
    const auto shown = print(table.text(stdout_look()));
    if (!shown) return std::unexpected(shown.error());
  }
  const auto yes = agreed(options, all->size(), bytes);
  if (!yes) return std::unexpected(yes.error());
  if (!*yes) return kFailed;
  return remove_all(context, *all);
}

}  // namespace

void add_prune_verb(const Verbs& verbs) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* verb = add_verb(verbs.app, "prune",
                            "Remove images that were not made and directories of no VM");
  verb->add_flag("-y,--yes", options->yes, "Do not ask");
  verb->add_flag("-n,--dry-run", options->dry_run, "Only show what would go");
  verb->add_flag("--aside", options->aside,
                 "Also the databases that a repair or a restore put aside");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return prune(context, *options); });
}

}  // namespace banger::ctl
