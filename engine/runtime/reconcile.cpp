// The reconciling half of the Runtime: look, plan, dispatch, and take in how it ended.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "engine/runtime/runtime.h"
#include "events/assert.h"

namespace banger {
namespace {

// AwaitGuest only listens; everything else that concerns a VM makes a look at it meanwhile worthless.
bool disturbs(std::string_view effect) { return effect != "await_guest"; }

bool being_disturbed(const PlanContext& context, StreamId subject) {
  auto found = context.in_flight.find(subject);
  return found != context.in_flight.end() &&
         std::ranges::any_of(found->second, [](const InFlight& each) { return disturbs(each.effect); });
}

// What the look says of this subject is worth nothing: something was being done to it meanwhile.
void mark_disturbed(Observation& observation, StreamId subject) {
  if (subject.kind == StreamKind::kVm) observation.disturbed.insert(VmId{subject.id});
  if (subject == kHostStream) observation.network = NetworkSighting::kUnknown;
}

}  // namespace

void Runtime::plan_dirty() {
  if (!planned_once_ || stopping_) return;
  std::set<StreamId> dirty = std::exchange(dirty_, {});
  for (StreamId subject : dirty) {
    if (!is_durable(subject)) {
      dirty_.insert(subject);  // its turn comes with its durability
      continue;
    }
    dispatch(plan_subject(store_.fleet, observation_, context_, subject));
  }
}

void Runtime::plan_all() {
  if (stopping_) return;
  dispatch(plan(store_.fleet, observation_, context_));
}

void Runtime::dispatch(Plan plan) {
  if (plan.wants_observation) observe();
  for (Effect& effect : plan.effects) {
    if (auto* settle = std::get_if<Settle>(&effect)) {
      ++status_.corrections;
      report(std::move(settle->outcome), "reconciler");
    } else if (auto* cancel = std::get_if<CancelEffects>(&effect)) {
      for (InFlight& each : context_.in_flight[cancel->subject]) {
        if (each.fence == cancel->fence) each.cancelling = true;
      }
      ports_.effects.cancel(cancel->subject, cancel->fence);
    } else {
      begin(effect);
    }
  }
}

// Whether all that is known of a VM or an image is on disk.
bool Runtime::is_durable(StreamId subject) const {
  const VmRuntime* vm = subject.kind == StreamKind::kVm ? store_.fleet.vm(VmId{subject.id}) : nullptr;
  const Image* image = subject.kind == StreamKind::kImage ? store_.fleet.image(ImageId{subject.id}) : nullptr;
  return (vm ? vm->last_sequence : image ? image->last_sequence : 0) <= durable_.sequence;
}

// Whether all that an effect was planned on is on disk.
bool Runtime::may_begin(const Effect& effect) const {
  if (const auto* network = std::get_if<SetNetwork>(&effect)) {
    return std::ranges::all_of(network->network, [&](const BridgedGuest& guest) { return is_durable(stream_of(guest.vm)); });
  }
  return is_durable(subject_of(effect));
}

void Runtime::begin(const Effect& effect) {
  StreamId subject = subject_of(effect);
  if (!may_begin(effect)) {
    dirty_.insert(subject);  // its turn comes with its durability
    return;
  }
  Sequence fence = fence_of(effect);
  std::string_view name = name_of(effect);
  context_.in_flight[subject].push_back({fence, name});
  if (disturbs(name)) disturb(subject);
  tell("begin", name, subject, fence);
  const auto* network = std::get_if<SetNetwork>(&effect);
  ports_.effects.begin(effect, [this, subject, fence, name,
                                set = network ? std::optional(network->network) : std::nullopt](EffectEnd end) {
    if (set) context_.network = end.retry_later ? std::nullopt : set;
    effect_ended(subject, fence, name, std::move(end));
  });
}

void Runtime::effect_ended(StreamId subject, Sequence fence, std::string_view effect, EffectEnd end) {
  auto& effects = context_.in_flight[subject];
  auto place = std::ranges::find_if(
      effects, [&](const InFlight& each) { return each.fence == fence && each.effect == effect; });
  BANGER_ASSERT(place != effects.end());
  effects.erase(place);
  tell(end.retry_later ? "again_later" : "end", effect, subject, fence);
  if (effects.empty()) context_.in_flight.erase(subject);
  if (disturbs(effect)) disturb(subject);
  if (corrects(effect)) status_.corrections += end.outcomes.size();
  for (Ask& outcome : end.outcomes) report(std::move(outcome), "driver");
  if (end.retry_later) context_.held.insert(subject);
  dirty_.insert(subject);
  plan_dirty();
}

// Every line about an effect names the command that it is done for, as the lines about events do.
void Runtime::tell(std::string_view what, std::string_view effect, StreamId subject, Sequence fence) const {
  const VmRuntime* vm = subject.kind == StreamKind::kVm ? store_.fleet.vm(VmId{subject.id}) : nullptr;
  const Image* image = subject.kind == StreamKind::kImage ? store_.fleet.image(ImageId{subject.id}) : nullptr;
  const CommandId correlation = vm ? vm->correlation : image ? image->correlation : CommandId{};
  spdlog::debug("effect={} {} stream={} fence={} correlation={}", effect, what, to_hex(subject.id), fence,
                correlation.hex());
}

void Runtime::disturb(StreamId subject) {
  touched_[subject] = ++touches_;
  mark_disturbed(observation_, subject);
}

void Runtime::observe() {
  if (observing_) {
    observe_again_ = true;
    return;
  }
  observing_ = true;
  observe_touch_ = touches_;
  observe_began_us_ = ports_.clock.monotonic_us();
  ports_.observer.observe([this](Observation observation) { observed(std::move(observation)); });
}

void Runtime::observed(Observation observation) {
  observing_ = false;
  planned_once_ = true;
  ++status_.observations;
  status_.last_observation_ns = ports_.clock.wall_ns();
  status_.last_duration_us = ports_.clock.monotonic_us() - observe_began_us_;
  status_.observed_us += status_.last_duration_us;
  status_.last_error = observation.processes_known ? "" : "the last look at the host's processes failed";
  // A look that began before an effect ended may have seen either side of it.
  std::erase_if(touched_, [&](const auto& touch) {
    auto [subject, when] = touch;
    bool disturbed = when > observe_touch_ || being_disturbed(context_, subject);
    if (disturbed) mark_disturbed(observation, subject);
    return !disturbed;
  });
  observation_ = std::move(observation);
  bool again = std::exchange(observe_again_, false);
  plan_all();
  plan_dirty();
  if (again) observe();
}

void Runtime::notice(Ask outcome) {
  if (!started_ || stopping_) return;  // the next start sees it
  // What the last look saw of that VM's process is over: without this it would be taken for a stray.
  if (const auto* gone = std::get_if<ReportGone>(&outcome)) disturb(stream_of(gone->vm));
  report(std::move(outcome), "driver");
  observe();  // where one thing changed by itself, more may have
}

void Runtime::tick() {
  if (stopping_) return;
  context_.held.clear();
  tick_timer_ = ports_.timers.after(options_.tick_ms, [this] { tick(); });
  observe();
}

void Runtime::arm_deadline(VmId id) {
  const VmRuntime* vm = store_.fleet.vm(id);
  auto armed = deadlines_.find(id);
  auto due = vm ? deadline_ms(*vm) : std::nullopt;
  if (armed != deadlines_.end()) {
    bool same = due && armed->second.fence == vm->fence && armed->second.state == vm->state;
    if (same) return;
    ports_.timers.cancel(armed->second.timer);
    deadlines_.erase(armed);
  }
  if (!due) return;
  TimerId timer = ports_.timers.after(*due, [this, id, fence = vm->fence] {
    deadlines_.erase(id);
    report(ReportDeadline{id, fence}, "deadline");
  });
  deadlines_[id] = {vm->fence, vm->state, timer};
}

void Runtime::hold_exec(VmId vm, ExecId exec) {
  auto armed = exec_graces_.find({vm, exec});
  if (armed == exec_graces_.end()) return;
  ports_.timers.cancel(armed->second);
  exec_graces_.erase(armed);
}

void Runtime::release_exec(VmId vm, ExecId exec) {
  if (!stopping_) arm_exec_grace(vm, exec);
}

void Runtime::arm_exec_grace(VmId vm, ExecId exec) {
  hold_exec(vm, exec);
  exec_graces_[{vm, exec}] = ports_.timers.after(options_.exec_grace_ms, [this, vm, exec] {
    exec_graces_.erase({vm, exec});
    report(FinishExec{vm, exec, ExecOutcome::kLost, 0}, "lease");
  });
}

}  // namespace banger
