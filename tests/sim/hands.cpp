#include "tests/sim/hands.h"

#include <algorithm>

namespace banger::sim {

// What waits for an end holds its own task.
Hands::~Hands() {
  for (const TaskPtr& task : tasks_) task->on_end = nullptr;
}

void Hands::begin(const Effect& effect, std::function<void(EffectEnd)> done) {
  auto task = std::make_shared<Task>();
  task->subject = subject_of(effect);
  task->fence = fence_of(effect);
  task->done = std::move(done);
  tasks_.push_back(task);
  const auto told = [this, task](bool removed, VmId vm, std::vector<DriftCorrected> findings) {
    EffectEnd end{.outcomes = {}, .retry_later = !removed};
    if (removed) {
      for (DriftCorrected& each : findings) end.outcomes.push_back(ReportDrift{vm, std::move(each)});
    }
    finish(task, std::move(end));
  };
  std::visit(Overloaded{[&](const SpawnVmm& e) { spawn(task, e.vm); },
                        [&](const AwaitGuest& e) { await_guest(task, e.vm); },
                        [&](const StopVmm& e) { stop(task, e.vm); },
                        [&](const TearDownVm& e) {
                          tear_down(task, e.vm.id, [this, task, id = e.vm.id, fence = e.vm.fence](bool removed) {
                            if (removed) return finish(task, {.outcomes = {ReportTornDown{id, fence}}});
                            finish(task, {.outcomes = {ReportTearDownFailed{id, fence, "busy"}}, .retry_later = true});
                          });
                        },
                        [&](const KillStray& e) { kill_stray(task, e); },
                        [&](const ReleaseHandles& e) { release(task, e); },
                        [&](const SweepVm& e) {
                          tear_down(task, e.vm, [told, e](bool removed) { told(removed, e.vm, e.findings); });
                        },
                        [&](const SetNetwork& e) { set_network(task, e); },
                        [&](const BuildImage& e) { build(task, e.image); },
                        [&](const RemoveImage& e) { remove(task, e.image); },
                        [&](const Settle&) { must(false, "a settling was dispatched"); },
                        [&](const CancelEffects&) { must(false, "a cancellation was dispatched"); }},
             effect);
}

void Hands::cancel(StreamId subject, Sequence fence) {
  for (const TaskPtr& task : std::list(tasks_)) {
    if (task->subject != subject || task->fence != fence) continue;
    task->cancelled = true;
    if (task->gives_up) finish(task, {});
  }
}

void Hands::run(Steps steps, Then then) {
  if (steps.empty()) return then(true);
  const bool slow = scheduler_.dice().chance(faults_.slow_percent);
  scheduler_.in(scheduler_.dice().below(slow ? 3'000'000 : 20'000),
                [this, steps = std::move(steps), then = std::move(then)]() mutable {
                  const Step step = std::move(steps.front());
                  steps.pop_front();
                  if (step() == Done::kNo) return then(false);
                  run(std::move(steps), std::move(then));
                });
}

Hands::Step Hands::faulty(Step step) {
  return [this, step = std::move(step)] {
    if (scheduler_.dice().chance(faults_.fail_percent)) return Done::kNo;
    const Done done = step();
    return scheduler_.dice().chance(faults_.lie_percent) ? Done::kNo : done;
  };
}

// Later, never from within begin() or cancel().
void Hands::finish(const TaskPtr& task, EffectEnd end) {
  if (std::exchange(task->finished, true)) return;
  task->on_end = nullptr;
  scheduler_.in(0, [this, task, end = std::move(end)]() mutable {
    std::erase(tasks_, task);
    std::exchange(task->done, nullptr)(std::move(end));
  });
}

void Hands::watch(VmId vm, const VmmSighting& vmm) { watched_[vm] = {vmm.process, vmm.incarnation}; }

void Hands::end_process(const ProcessIdentity& process, std::optional<StoppedBy> by) {
  if (host_.kill(process)) process_ended(process, by);
}

Hands::Steps Hands::release_steps(VmId vm) {
  Steps steps;
  for (bool Things::* part : {&Things::tap, &Things::device, &Things::loop}) {
    steps.push_back(faulty([this, vm, part] {
      if (!host_.vmms_of(vm).empty()) return Done::kNo;  // busy: somebody has it open
      if (const auto found = host_.things.find(vm); found != host_.things.end()) found->second.*part = false;
      return Done::kYes;
    }));
  }
  return steps;
}

// Its handles go before whoever ended it goes on; a death by itself is told at once.
void Hands::process_ended(const ProcessIdentity& process, std::optional<StoppedBy> by) {
  const auto found = std::ranges::find_if(watched_, [&](const auto& each) { return each.second.process == process; });
  if (found == watched_.end()) return;
  const VmId vm = found->first;
  const std::uint32_t incarnation = found->second.incarnation;
  watched_.erase(found);
  // It hears of it a little later than it happens.
  scheduler_.in(scheduler_.dice().below(5'000), [this, vm, incarnation, by] {
    const auto tell = [this, vm, incarnation, by] {
      for (const TaskPtr& task : tasks_) {
        if (task->subject == stream_of(vm) && task->on_end) return std::exchange(task->on_end, nullptr)(by);
      }
      notice_(ReportGone{vm, incarnation, by, "it ended"});
    };
    const bool awaited = std::ranges::any_of(
        tasks_, [&](const TaskPtr& task) { return task->subject == stream_of(vm) && task->on_end; });
    if (!awaited) tell();
    letting_go_.try_emplace(vm);
    run(release_steps(vm), [this, vm, awaited, tell](bool) {
      const auto waiting = std::exchange(letting_go_[vm], {});
      letting_go_.erase(vm);
      if (awaited) tell();
      for (const auto& then : waiting) then();
    });
  });
}

// A daemon that finds a VM of its own running watches it from then on.
void Hands::adopt(const Observation& seen) {
  for (const auto& [id, vmms] : seen.vmms) {
    const VmRuntime* vm = fleet_ ? fleet_->vm(id) : nullptr;
    const bool busy = std::ranges::any_of(
        tasks_, [&](const TaskPtr& task) { return task->subject == stream_of(id) && !task->waits_for_guest; });
    if (!vm || vm->state != VmState::kRunning || watched_.contains(id) || busy || vmms.empty()) continue;
    if (vmms.front().incarnation == vm->incarnation && host_.runs(vmms.front().process)) watch(id, vmms.front());
  }
}

void Hands::observe(std::function<void(Observation)> done) {
  auto seen = std::make_shared<Observation>();
  const auto part = [this, seen](auto take) -> Step {
    return [this, seen, take] {
      Observation now = look_at(host_, scheduler_.life());
      const bool known = !scheduler_.dice().chance(faults_.blind_percent);
      take(*seen, now, known);
      return Done::kYes;
    };
  };
  // Each at a moment of its own: a real look is not of one moment, either.
  Steps parts{
      part([](Observation& all, Observation& now, bool known) {
        all.processes_known = known;
        if (known) all.vmms = std::move(now.vmms);
      }),
      part([](Observation& all, Observation& now, bool known) {
        all.disks_known = known;
        if (known) all.disks = std::move(now.disks);
      }),
      part([](Observation& all, Observation& now, bool known) {
        all.links_known = known;
        if (known) all.taps = std::move(now.taps);
      }),
      part([](Observation& all, Observation& now, bool known) {
        if (known) all.network = now.network;
      }),
      part([](Observation& all, Observation& now, bool known) {
        all.directories_known = known;
        if (!known) return;
        all.vm_directories = std::move(now.vm_directories);
        all.image_directories = std::move(now.image_directories);
      }),
  };
  run(std::move(parts), [this, seen, done = std::move(done)](bool) {
    adopt(*seen);
    done(std::move(*seen));
  });
}

}  // namespace banger::sim
