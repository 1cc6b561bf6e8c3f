#include <CLI/CLI.hpp>

#include "cli/bangerctl/audit/past.h"
#include "cli/bangerctl/log/parked.h"
#include "cli/bangerctl/render_json.h"
#include "cli/bangerctl/rows.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_verbs.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

struct ListOptions {
  bool quiet = false;
  bool names = false;
  std::string at;
};

Tone tone_of(VmState state) {
  switch (state) {
    case VmState::kRunning:
      return Tone::kGood;
    case VmState::kError:
      return Tone::kBad;
    case VmState::kStarting:
    case VmState::kStopping:
    case VmState::kDeleting:
      return Tone::kBusy;
    case VmState::kCreated:
    case VmState::kStopped:
      return Tone::kFaint;
  }
  return Tone::kPlain;
}

std::string readiness(const VmRuntime& vm) {
  if (vm.state != VmState::kRunning) return "";
  if (vm.ready) return "after " + format_ms(vm.ready_after_ms);
  return vm.ready_missed ? "missed" : "not yet";
}

std::string ports_of(const VmRuntime& vm) {
  std::string text;
  if (vm.ssh_port != 0) text = "ssh:" + std::to_string(vm.ssh_port);
  if (!vm.guest_ip.empty()) text = vm.guest_ip;
  for (const PortForward& forward : vm.settings.ports) {
    text += (text.empty() ? "" : ", ") + format_port(forward);
  }
  return text;
}

Answer<WithParked<VmRuntime>> vms_then(Session& session, const std::string& moment) {
  const auto when = read_when(moment);
  if (!when) return std::unexpected(when.error());
  auto list = vms_at(session, *when);
  if (!list) return std::unexpected(list.error());
  note_moment(list->at);
  return with_parked(session, std::move(list->things));
}

Answer<int> list(Context& context, const ListOptions& options) {
  Session& session = context.session();
  const auto listed = options.at.empty() ? read_with_parked(session, kVmRuntime.name, vms_of)
                                         : vms_then(session, options.at);
  if (!listed) return std::unexpected(listed.error());
  const auto& [vms, parked] = *listed;
  if (options.quiet || options.names) {
    std::string lines;
    for (const VmRuntime& vm : vms)
      lines += (options.names ? escape(vm.name) : vm.id.hex()) + "\n";
    return printed(lines);
  }
  if (context.json()) return printed(dump(json_with_parked(vms, parked)) + "\n");
  Table table({"NAME", "STATE", "READY", "IMAGE", "VCPUS", "MEMORY", "DISK", age_title(), "PORTS"});
  for (const VmRuntime& vm : vms) {
    const bool stands_still = parked.contains(stream_of(vm.id));
    table.add({vm.name, stands_still ? "parked" : std::string(name_of(vm.state)), readiness(vm), vm.image_name,
               std::to_string(vm.settings.vcpus), format_mib(vm.settings.memory_mib),
               format_mib(vm.settings.disk_mib), age_cell(vm.created_at_ns), ports_of(vm)});
    table.tone(stands_still ? Tone::kBad : tone_of(vm.state), 1);
  }
  const auto done = printed(table);
  note_parked(parked, StreamKind::kVm);
  return done;
}

Json view_json(const VmView& view) {
  Json json = to_json(view.row);
  Json details{{"dir", view.dir},
               {"api_socket", view.api_socket},
               {"overlay", view.overlay},
               {"console_log", view.console_log},
               {"handles_file", view.handles_file},
               {"dns_name", view.dns_name},
               {"guest_ip", view.guest_ip},
               {"pid", view.pid == 0 ? Json(nullptr) : Json(view.pid)}};
  add_field(details, "process_since_ns", view.process_since_ns);
  details["disk_used_bytes"] = view.disk_used_bytes;
  json["details"] = std::move(details);
  return json;
}

std::string view_text(const VmView& view, const std::string& parked) {
  const VmRuntime& vm = view.row;
  const bool running = vm.state == VmState::kRunning;
  const bool past = view.dir.empty();  // nothing is known of the host then
  std::vector<std::pair<std::string, std::string>> fields{
      {"Name", vm.name},
      {"Id", vm.id.hex()},
      {"State", std::string(name_of(vm.state)) + ", since " + when(vm.changed_at_ns)},
      {"Parked", parked},
      {"Ready", running ? readiness(vm) : ""},
      {"Last error", vm.last_error},
      {"Image", vm.image_name + " (" + vm.image.hex() + ")"},
      {"CPUs", std::to_string(vm.settings.vcpus)},
      {"Memory", format_mib(vm.settings.memory_mib)},
      {"Disk", format_mib(vm.settings.disk_mib) +
                   (past ? "" : ", " + format_bytes(view.disk_used_bytes) + " used")},
      {"Network", std::string(name_of(vm.settings.net)) + (vm.settings.open ? ", open to other guests" : "") +
                      (vm.cut_off ? ", cut off" : "")},
      {"Ports", ports_of(vm)},
      {"Guest address", view.guest_ip},
      {"DNS name", view.dns_name},
      {"Autostart", vm.settings.autostart ? "yes" : "no"},
      {"Deleted after", vm.remove_after_exec ? "its command (--rm)" : ""},
      {"Incarnation", std::to_string(vm.incarnation)},
      {"Commands inside", std::to_string(vm.execs.size())},
      {"Created", when_in_full(vm.created_at_ns)},
      {"Process", view.pid == 0 ? ""
                                : "pid " + std::to_string(view.pid) + ", since " +
                                      when(view.process_since_ns)},
      {"Directory", view.dir},
      {"Overlay", view.overlay},
      {"Console log", view.console_log},
      {"API socket", view.api_socket},
      {"Handles", view.handles_file},
      {"Last event",
       std::to_string(vm.last_sequence) + " (version " + std::to_string(vm.version) + ")"}};
  if (past) std::erase_if(fields, [](const auto& field) { return field.second.empty(); });
  return describe(fields);
}

Answer<int> show_then(Context& context, const std::string& vm, const std::string& moment) {
  const auto when = read_when(moment);
  if (!when) return std::unexpected(when.error());
  const auto then = vm_at(context.session(), *when, vm);
  if (!then) return std::unexpected(then.error());
  note_moment(then->at);
  if (then->parked) {
    note("note: parked at event " + std::to_string(then->parked->sequence) + ": " +
         escape(then->parked->reason));
  }
  if (!context.json()) return printed(view_text({.row = then->vm}, ""));
  Json json = to_json(then->vm);
  json["at"] = to_json(then->at);
  return printed(dump(json) + "\n");
}

Answer<int> show(Context& context, const std::string& vm) {
  const auto view = view_vm(context.session(), vm);
  if (!view) return std::unexpected(view.error());
  const auto parked = read_parked(context.session());
  if (!parked) return std::unexpected(parked.error());
  const std::string words = parked_words(*parked, stream_of(view->row.id));
  if (!context.json()) return printed(view_text(*view, words));
  Json json = view_json(*view);
  json["parked"] = words.empty() ? Json(nullptr) : Json(words);
  return printed(dump(json) + "\n");
}

}  // namespace

void add_look_verbs(const Verbs& verbs, CLI::App& vm) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = add_verb(vm, "ls", "List VMs");
  verb->alias("list");
  verb->add_flag("-q,--quiet", options->quiet, "Ids only");
  verb->add_flag("--names", options->names, "Names only");
  verb->add_option("--at", options->at, "As they were then: " + std::string(kWhenForms));
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return list(context, *options); });

  auto name = std::make_shared<std::string>();
  auto moment = std::make_shared<std::string>();
  verb = add_verb(vm, "show", "Everything about one VM");
  verb->add_option("vm", *name, "Name, id or prefix of an id, as it was then with --at")
      ->required();
  verb->add_option("--at", *moment, "As it was then: " + std::string(kWhenForms));
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [name, moment](Context& context) {
    return moment->empty() ? show(context, *name) : show_then(context, *name, *moment);
  });
}

}  // namespace banger::ctl
