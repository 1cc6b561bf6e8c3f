#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/differ.h"
#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/audit/verbs.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

struct DiffOptions {
  std::string from, to = "now", vm;
  bool all = false;
};

struct Compared {
  At from, to;
  std::vector<ThingChange> vms, images;
};

// The VMs of one moment that the question is about.
Answer<PastList<VmRuntime>> vms_of(Session& session, const When& when,
                                   const std::optional<StreamId>& only) {
  if (!only) return vms_at(session, when);
  auto one = vm_at(session, when, to_hex(only->id));
  if (one) return PastList<VmRuntime>{one->at, {std::move(one->vm)}};
  // It was not there then; what the moment means is asked of the whole fleet.
  auto none = vms_at(session, when);
  if (none)
    std::erase_if(none->things, [&](const VmRuntime& vm) { return stream_of(vm.id) != *only; });
  return none;
}

Answer<Compared> compare(Session& session, const DiffOptions& options) {
  const auto from = read_when(options.from);
  if (!from) return std::unexpected(from.error());
  const auto to = read_when(options.to);
  if (!to) return std::unexpected(to.error());
  std::optional<StreamId> only;
  if (!options.vm.empty()) {
    const auto row = find_vm(session, options.vm);
    if (!row) return std::unexpected(row.error());
    only = row->stream;
  }
  const auto before = vms_of(session, *from, only);
  if (!before) return std::unexpected(before.error());
  const auto after = vms_of(session, *to, only);
  if (!after) return std::unexpected(after.error());
  Compared compared{before->at, after->at, diff_all(before->things, after->things), {}};
  if (only) return compared;
  const auto images_before = images_at(session, {.sequence = before->at.sequence, .time_ns = {}});
  if (!images_before) return std::unexpected(images_before.error());
  const auto images_after = images_at(session, {.sequence = after->at.sequence, .time_ns = {}});
  if (!images_after) return std::unexpected(images_after.error());
  compared.images = diff_all(images_before->things, images_after->things);
  return compared;
}

Json changes_json(const std::vector<ThingChange>& changes) {
  Json array = Json::array();
  for (const ThingChange& change : changes) {
    Json fields = Json::array();
    for (const FieldChange& field : change.fields) {
      fields.push_back({{"field", field.name}, {"before", field.before}, {"after", field.after}});
    }
    array.push_back({{"id", change.id},
                     {"name", change.name},
                     {"change", name_of(change.what)},
                     {"fields", fields}});
  }
  return array;
}

std::string shown(const Json& value) {
  if (value.is_null() || value == Json("")) return "-";
  return escape(value.is_string() ? value.get<std::string>() : dump(value));
}

std::string changes_text(const std::string& what, const std::vector<ThingChange>& changes,
                         bool all) {
  std::string text;
  for (const ThingChange& change : changes) {
    const std::string mark = change.what == ThingChange::What::kAppeared ? "+ "
                             : change.what == ThingChange::What::kGone   ? "- "
                                                                         : "~ ";
    text += mark + what + " " + escape(change.name) + " (" + change.id + ") " +
            std::string(name_of(change.what)) + "\n";
    for (const FieldChange& field : change.fields) {
      if (!all && is_bookkeeping(field.name)) continue;
      text += "    " + field.name + ": " + shown(field.before) + " -> " + shown(field.after) + "\n";
    }
  }
  return text;
}

Answer<int> diff(Context& context, const DiffOptions& options) {
  const auto compared = compare(context.session(), options);
  if (!compared) return std::unexpected(compared.error());
  note_ambiguity(compared->from);
  note_ambiguity(compared->to);
  std::string text;
  if (context.json()) {
    text = dump(Json{{"from", to_json(compared->from)},
                     {"to", to_json(compared->to)},
                     {"vms", changes_json(compared->vms)},
                     {"images", changes_json(compared->images)}}) +
           "\n";
  } else {
    text = "from: " + label(compared->from) + "\nto:   " + label(compared->to) + "\n\n";
    const std::string changes = changes_text("vm", compared->vms, options.all) +
                                changes_text("image", compared->images, options.all);
    text += changes.empty() ? "no difference\n" : changes;
  }
  return printed(text);
}

}  // namespace

void add_diff_verb(const Verbs& verbs, CLI::App& events) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* verb = add_verb(events, "diff", "What changed between two moments, field by field");
  verb->add_option("from", options->from, "A moment: " + std::string(kWhenForms))->required();
  verb->add_option("to", options->to, "Another; without it, now");
  verb->add_option("--vm", options->vm, "Of this VM only, which may be deleted");
  verb->add_flag("--all", options->all,
                 "Also versions, fences and the like, which every event moves");
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return diff(context, *options); });
}

}  // namespace banger::ctl
