#include "cli/bangerd/plan_lines.h"

namespace banger::bangerd {
namespace {

std::string desired_of(const VmRuntime& vm) {
  switch (vm.state) {
    case VmState::kCreated:
    case VmState::kStopped:
    case VmState::kError: return "down";
    case VmState::kStarting:
    case VmState::kRunning: return "incarnation " + std::to_string(vm.incarnation) + " up";
    case VmState::kStopping: return vm.then_start ? "down, then up" : "down";
    case VmState::kDeleting: return "gone";
  }
  return {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string observed_of(const VmRuntime& vm, const Observation& observation) {
  if (!observation.processes_known || observation.disturbed.contains(vm.id)) return "unknown";
  std::vector<std::string> things;
  if (auto seen = observation.vmms.find(vm.id); seen != observation.vmms.end()) {
    for (const VmmSighting& vmm : seen->second) {
      things.push_back("VMM of incarnation " + std::to_string(vmm.incarnation));
    }
  }
  const bool vmm = !things.empty();
  if (auto disk = observation.disks.find(vm.id); disk != observation.disks.end()) {
    things.emplace_back(disk->second.device ? "its disk" : "loops of its disk");
  }
  if (observation.taps.contains(vm.id)) things.emplace_back("its tap");
  if (things.empty() && !observation.vm_directories.contains(vm.id)) return "nothing";
  if (!vmm) things.insert(things.begin(), "no VMM");
  return joined(things);
}

std::string action_of(const Effect& effect) {
  if (const auto* settle = std::get_if<Settle>(&effect)) {
    return std::holds_alternative<ReportGone>(settle->outcome) ? "record that it died" : "report it";
  }
  return std::string(name_of(effect));
}

std::string under_way(const PlanContext& context, StreamId subject) {
  std::vector<std::string> words;
  if (auto effects = context.in_flight.find(subject); effects != context.in_flight.end()) {
    for (const InFlight& effect : effects->second) words.emplace_back(effect.effect);
  }
  if (context.held.contains(subject)) words.emplace_back("waiting for the next tick");
  return joined(words);
}

std::string planned(const Fleet& fleet, const Observation& observation, const PlanContext& context,
                    StreamId subject) {
  std::vector<std::string> actions;
  for (const Effect& effect : plan_subject(fleet, observation, context, subject).effects) {
    actions.push_back(action_of(effect));
  }
  return joined(actions);
}

}  // namespace

std::vector<rpc::PlanLine> plan_lines(const Fleet& fleet, const Observation& observation,
                                      const PlanContext& context) {
  std::vector<rpc::PlanLine> lines;
  for (const auto& [id, vm] : fleet.vms) {
    lines.push_back({.subject = "vm " + vm.name,
                     .id = id.hex(),
                     .desired = desired_of(vm),
                     .observed = observed_of(vm, observation),
                     .action = planned(fleet, observation, context, stream_of(id)),
                     .under_way = under_way(context, stream_of(id))});
  }
  for (const auto& [id, image] : fleet.images) {
    lines.push_back({.subject = "image " + image.name,
                     .id = id.hex(),
                     .desired = image.state == ImageState::kDeleting ? "gone" : "there",
                     .observed = observation.image_directories.contains(id) ? "there" : "nothing",
                     .action = planned(fleet, observation, context, stream_of(id)),
                     .under_way = under_way(context, stream_of(id))});
  }
  return lines;
}

}  // namespace banger::bangerd
