#include "engine/simulate/simulated_host.h"

#include <algorithm>

namespace banger {

void SimulatedHost::start_process(VmId vm, std::uint32_t incarnation, BootId boot) {
  auto& there = observation_.vmms[vm];
  const bool known = std::ranges::count(there, incarnation, &VmmSighting::incarnation) != 0;
  if (!known) there.push_back({{boot, static_cast<std::int32_t>(++started_), started_}, incarnation});
}

void SimulatedHost::end_effects(StreamId subject, std::initializer_list<std::string_view> effects) {
  auto under_way = context_.in_flight.find(subject);
  if (under_way == context_.in_flight.end()) return;
  std::erase_if(under_way->second,
                [&](const InFlight& each) { return std::ranges::count(effects, each.effect) != 0; });
  if (under_way->second.empty()) context_.in_flight.erase(under_way);
}

void SimulatedHost::apply_to_vm(VmId vm, const EventRecord& record) {
  const StreamId subject = stream_of(vm);
  const auto gone = [&] {
    observation_.vmms.erase(vm);
    end_effects(subject, {"await_guest", "stop_vmm", "kill_stray"});
  };
  std::visit(
      Overloaded{
          [&](const VmStartRequested&) { observation_.vm_directories.insert(vm); },
          [&](const VmStarted& e) {
            start_process(vm, e.incarnation, record.envelope.boot);
            end_effects(subject, {"spawn_vmm"});
          },
          [&](const VmStartFailed&) {
            observation_.vmms.erase(vm);  // a start that failed has undone what it did
            end_effects(subject, {"spawn_vmm"});
          },
          [&](const VmPortReassigned&) { end_effects(subject, {"spawn_vmm"}); },
          [&](const VmReady&) { end_effects(subject, {"await_guest"}); },
          [&](const VmStopped&) { gone(); },
          [&](const VmDied&) { gone(); },
          [&](const VmHostRebooted&) { gone(); },
          [&](const VmTearDownStalled&) { end_effects(subject, {"stop_vmm", "tear_down_vm"}); },
          [&](const VmDeleted&) {
            gone();
            observation_.vm_directories.erase(vm);
            end_effects(subject, {"spawn_vmm", "tear_down_vm"});
          },
          [&](const DriftCorrected&) { end_effects(subject, {"kill_stray", "release_handles"}); },
          // What was wanted, what happened inside of the guest, and what is no VM's: its host is as it was.
          [](const VmCreated&) {},
          [](const VmStopRequested&) {},
          [](const VmDeleteRequested&) {},
          [](const VmChanged&) {},
          [](const VmAddressAssigned&) {},
          [](const VmReadyMissed&) {},
          [](const ExecStarted&) {},
          [](const ExecFinished&) {},
          [](const ImageRequested&) {},
          [](const ImageReady&) {},
          [](const ImageFailed&) {},
          [](const ImageDeleteRequested&) {},
          [](const ImageDeleted&) {},
          [](const HostBooted&) {},
          [](const DaemonStarted&) {},
          [](const DaemonStopped&) {},
          [](const LogEpochBegan&) {},
          [](const ProjectionDrifted&) {},
          [](const PersonalErased&) {},
          [](const LogArchived&) {},
      },
      record.event);
}

void SimulatedHost::apply_to_image(ImageId image, const Event& event) {
  const StreamId subject = stream_of(image);
  if (std::holds_alternative<ImageReady>(event)) observation_.image_directories.insert(image);
  if (std::holds_alternative<ImageDeleted>(event)) observation_.image_directories.erase(image);
  const bool made = std::holds_alternative<ImageReady>(event) || std::holds_alternative<ImageFailed>(event);
  if (made) end_effects(subject, {"build_image"});
  if (std::holds_alternative<ImageDeleted>(event)) end_effects(subject, {"build_image", "remove_image"});
}

void SimulatedHost::apply_to_host(const Event& event) {
  // A boot ends every process, a new daemon knows of no effect of the one before.
  if (std::holds_alternative<HostBooted>(event)) observation_.vmms.clear();
  if (!std::holds_alternative<DaemonStarted>(event)) return;
  context_.in_flight.clear();
  context_.network = GuestNetwork();
}

void SimulatedHost::apply(const Fleet& fleet, const EventRecord& record) {
  const StreamId stream = record.envelope.stream;
  if (fleet.parked.contains(stream)) return;  // it was not folded: nothing is known to have come of it
  switch (stream.kind) {
    case StreamKind::kVm: return apply_to_vm(VmId{stream.id}, record);
    case StreamKind::kImage: return apply_to_image(ImageId{stream.id}, record.event);
    case StreamKind::kHost: return apply_to_host(record.event);
  }
}

std::vector<Effect> SimulatedHost::plan(const Fleet& fleet) {
  std::vector<Effect> effects = banger::plan(fleet, observation_, context_).effects;
  for (const Effect& effect : effects) {
    if (const auto* cancel = std::get_if<CancelEffects>(&effect)) {
      auto& under_way = context_.in_flight[cancel->subject];
      std::erase_if(under_way, [&](const InFlight& each) { return each.fence == cancel->fence; });
      if (under_way.empty()) context_.in_flight.erase(cancel->subject);
    } else if (const auto* set = std::get_if<SetNetwork>(&effect)) {
      context_.network = set->network;  // no event tells of its end, unless it failed
    } else if (!std::holds_alternative<Settle>(effect)) {
      context_.in_flight[subject_of(effect)].push_back({fence_of(effect), name_of(effect)});
    }
  }
  return effects;
}

}  // namespace banger
