#include "tests/sim/host.h"

#include <algorithm>

namespace banger::sim {
namespace {

constexpr std::size_t kStrangers = 12;

}  // namespace

Host::Host() { start_strangers(); }

void Host::start_strangers() {
  for (std::size_t i = 0; i < kStrangers; ++i) spawn(VmId{}, 0);
}

std::int32_t Host::spawn(VmId vm, std::uint32_t incarnation, bool stray) {
  if (vm && !stray) {
    for (const auto& [pid, process] : processes_) {
      must(process.vm != vm || process.stray, "the VM runs twice");
    }
  }
  std::int32_t pid = 1;
  while (processes_.contains(pid)) ++pid;  // what was free last: it comes again at once
  processes_[pid] = {++ticks_, vm, incarnation, stray};
  if (!stray) spawned_.emplace(vm, incarnation);
  return pid;
}

bool Host::runs_now(VmId vm, std::uint32_t incarnation) const {
  return std::ranges::any_of(processes_, [&](const auto& each) {
    return each.second.vm == vm && each.second.incarnation == incarnation && !each.second.stray;
  });
}

void Host::strangers_come_and_go() {
  const auto oldest = std::ranges::find_if(processes_, [](const auto& each) { return !each.second.vm; });
  spawn(VmId{}, 0);  // with the pid of whoever ended last
  if (oldest != processes_.end()) processes_.erase(oldest);
}

bool Host::runs(const ProcessIdentity& process) const {
  const auto found = processes_.find(process.pid);
  return process.boot == boot_ && found != processes_.end() && found->second.start_ticks == process.start_ticks;
}

bool Host::kill(const ProcessIdentity& process) {
  if (!runs(process)) return false;
  kill_pid(process.pid);
  return true;
}

void Host::kill_pid(std::int32_t pid) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  must(bool(found->second.vm), "a foreign process was killed");
  processes_.erase(found);
}

std::vector<VmmSighting> Host::vmms_of(VmId vm) const {
  std::map<std::uint64_t, VmmSighting> by_age;
  for (const auto& [pid, process] : processes_) {
    if (process.vm == vm) by_age[process.start_ticks] = {{boot_, pid, process.start_ticks}, process.incarnation};
  }
  std::vector<VmmSighting> found;
  for (const auto& [start, each] : by_age) found.push_back(each);
  return found;
}

void Host::reboot() {
  ++boot_.lo;
  processes_.clear();
  ticks_ = 0;  // start times come again, too: only the boot id tells them apart
  for (auto& [vm, each] : things) each = {.directory = each.directory};
  bridge.reset();
  start_strangers();
}

std::string Host::of_vm(VmId vm) const {
  std::string text;
  for (const VmmSighting& each : vmms_of(vm)) text += " process of incarnation " + std::to_string(each.incarnation);
  const auto found = things.find(vm);
  if (found == things.end()) return text;
  if (found->second.directory) text += " directory";
  if (found->second.loop) text += " loop";
  if (found->second.device) text += " device";
  if (found->second.tap) text += " tap";
  return text;
}

Observation look_at(const Host& host, std::uint64_t life) {
  Observation seen{.processes_known = true, .directories_known = true};
  seen.disks_known = seen.links_known = true;
  for (const auto& [pid, process] : host.processes()) {
    if (process.vm) seen.vmms[process.vm] = host.vmms_of(process.vm);
  }
  for (const auto& [vm, each] : host.things) {
    if (each.loop || each.device) seen.disks[vm] = {each.device, each.loop};
    if (each.tap) seen.taps.insert(vm);
    if (each.directory) seen.vm_directories.insert(vm);
  }
  seen.image_directories = host.images;
  seen.network = !host.bridge                     ? NetworkSighting::kAbsent
                 : host.bridge->left_by == life ? NetworkSighting::kAsLeft
                                                : NetworkSighting::kDamaged;
  return seen;
}

}  // namespace banger::sim
