// What the hands do for VMs, in the order in which the drivers do it (drivers/effects/vm_steps.h).
#include "tests/sim/hands.h"

#include <algorithm>

namespace banger::sim {

void Hands::spawn(const TaskPtr& task, const VmRuntime& vm) {
  if (const auto before = letting_go_.find(vm.id); before != letting_go_.end()) {
    before->second.push_back([this, task, vm] { spawn(task, vm); });
    return;
  }
  struct Start {
    std::optional<VmmSighting> up;
    bool adopted = false;
    StartStage stage = StartStage::kPreflight;
    std::uint16_t busy_port = 0;
  };
  auto start = std::make_shared<Start>();
  const auto acquire = [this, start](StartStage stage, Step step) -> Step {
    return [start, stage, run = faulty(std::move(step))] {
      if (start->up) return Done::kYes;  // it was adopted: nothing is to be done
      start->stage = stage;
      return run();
    };
  };
  const auto part = [this, id = vm.id](bool Things::* which) {
    return [this, id, which] {
      host_.things[id].*which = true;
      return Done::kYes;
    };
  };
  Steps steps;
  steps.push_back([this, start, vm] {
    for (const VmmSighting& each : host_.vmms_of(vm.id)) {
      if (each.incarnation == vm.incarnation && !start->up) {
        start->up = each;
        start->adopted = true;
      } else {
        end_process(each.process, StoppedBy::kForce);
      }
    }
    return Done::kYes;
  });
  steps.push_back(acquire(StartStage::kDirectory, part(&Things::directory)));
  steps.push_back(acquire(StartStage::kDisk, part(&Things::loop)));
  steps.push_back(acquire(StartStage::kDisk, part(&Things::device)));
  if (vm.settings.net == NetMode::kBridge) {
    steps.push_back(acquire(StartStage::kNetwork, [this] {
      // Bridge and rules for nobody, where this daemon has set none before; what was taken from it shows at the next look.
      if (!host_.bridge) host_.bridge = Bridge{{}, std::exchange(has_set_rules_, true) ? 0 : scheduler_.life()};
      return Done::kYes;
    }));
    steps.push_back(acquire(StartStage::kNetwork, part(&Things::tap)));
  }
  steps.push_back([this, start, vm] {
    if (start->up || vm.ssh_port == 0) return Done::kYes;
    if (scheduler_.dice().chance(faults_.port_percent)) host_.busy_ports.insert(vm.ssh_port);
    if (!host_.busy_ports.contains(vm.ssh_port)) return Done::kYes;
    start->busy_port = vm.ssh_port;
    return Done::kNo;
  });
  steps.push_back(acquire(StartStage::kVmm, [this, start, task, vm] {
    if (task->cancelled) return Done::kNo;
    const std::int32_t pid = host_.spawn(vm.id, vm.incarnation);
    start->up = VmmSighting{host_.identity(pid), vm.incarnation};
    return Done::kYes;
  }));
  run(std::move(steps), [this, start, task, vm](bool done) {
    if (done) return spawned(task, vm, *start->up, start->adopted);
    // In reverse, the process first: one that was begun and told of as a failure, too.
    if (start->up) end_process(start->up->process, StoppedBy::kForce);
    run(release_steps(vm.id), [this, start, task, vm](bool) {
      if (start->busy_port != 0) return finish(task, {.outcomes = {ReportPortBusy{vm.id, vm.fence, start->busy_port}}});
      finish(task, {.outcomes = {ReportSpawnFailed{vm.id, vm.fence, start->stage, "no"}}});
    });
  });
}

void Hands::spawned(const TaskPtr& task, const VmRuntime& vm, const VmmSighting& vmm, bool adopted) {
  if (!host_.runs(vmm.process)) {
    return finish(task, {.outcomes = {ReportSpawnFailed{vm.id, vm.fence, StartStage::kVmm, "it ended"}}});
  }
  watch(vm.id, vmm);
  task->gives_up = true;
  if (task->cancelled) return finish(task, {});
  task->on_end = [this, task, vm](std::optional<StoppedBy>) {
    finish(task, {.outcomes = {ReportSpawnFailed{vm.id, vm.fence, StartStage::kVmm, "it ended"}}});
  };
  scheduler_.in(scheduler_.dice().below(50'000), [this, task, vm, adopted] {
    if (task->on_end) finish(task, {.outcomes = {ReportSpawned{vm.id, vm.fence, adopted}}});
  });
}

void Hands::await_guest(const TaskPtr& task, const VmRuntime& vm) {
  task->gives_up = true;
  task->waits_for_guest = true;
  if (scheduler_.dice().chance(faults_.deaf_percent)) return;
  scheduler_.in(200'000 + scheduler_.dice().below(5'000'000), [this, task, vm] {
    if (!host_.vmms_of(vm.id).empty()) finish(task, {.outcomes = {ReportReady{vm.id, vm.fence}}});
  });
}

void Hands::stop(const TaskPtr& task, const VmRuntime& vm) {
  if (watched_.contains(vm.id)) return stop_watched(task, vm);
  Steps steps;
  steps.push_back(faulty([this, vm] {
    auto seen = host_.vmms_of(vm.id);
    for (std::size_t i = 1; i < seen.size(); ++i) end_process(seen[i].process, StoppedBy::kForce);
    return Done::kYes;
  }));
  run(std::move(steps), [this, task, vm](bool done) {
    const auto stalled = [this, task, vm] {
      finish(task, {.outcomes = {ReportTearDownFailed{vm.id, vm.fence, "no"}}, .retry_later = true});
    };
    if (!done) return stalled();
    const auto seen = host_.vmms_of(vm.id);
    if (!seen.empty()) {
      watch(vm.id, seen.front());
      return stop_watched(task, vm);
    }
    run(release_steps(vm.id), [this, task, vm, stalled](bool released) {
      if (!released) return stalled();
      finish(task, {.outcomes = {ReportGone{vm.id, vm.incarnation, StoppedBy::kObserved, ""}}});
    });
  });
}

void Hands::stop_watched(const TaskPtr& task, const VmRuntime& vm) {
  task->gives_up = true;
  if (task->cancelled) return finish(task, {});
  const ProcessIdentity process = watched_.at(vm.id).process;
  task->on_end = [this, task, vm](std::optional<StoppedBy> by) {
    finish(task, {.outcomes = {ReportGone{vm.id, vm.incarnation, by.value_or(StoppedBy::kObserved), ""}}});
  };
  const bool gentle = vm.stop_mode == StopMode::kGraceful && !scheduler_.dice().chance(faults_.deaf_percent);
  const std::uint64_t patience_us = vm.stop_mode == StopMode::kForced ? 0 : vm.stop_timeout_ms * 1000;
  const std::uint64_t after_us = gentle ? scheduler_.dice().below(patience_us + 1) : patience_us + 1'000'000;
  scheduler_.in(after_us, [this, task, process, gentle] {
    if (task->on_end) end_process(process, gentle ? StoppedBy::kRequest : StoppedBy::kForce);
  });
}

void Hands::tear_down(const TaskPtr&, VmId vm, std::function<void(bool)> then) {
  Steps steps;
  steps.push_back(faulty([this, vm] {
    for (const VmmSighting& each : host_.vmms_of(vm)) end_process(each.process, StoppedBy::kForce);
    return Done::kYes;
  }));
  steps.splice(steps.end(), release_steps(vm));
  steps.push_back(faulty([this, vm] {
    host_.things.erase(vm);
    return Done::kYes;
  }));
  // Deleted is said only after proof of absence.
  steps.push_back([this, vm] { return host_.of_vm(vm).empty() ? Done::kYes : Done::kNo; });
  run(std::move(steps), std::move(then));
}

void Hands::kill_stray(const TaskPtr& task, const KillStray& stray) {
  Steps steps;
  steps.push_back(faulty([this, stray] {
    end_process(stray.process, StoppedBy::kForce);
    return Done::kYes;
  }));
  run(std::move(steps), [this, task, stray](bool done) {
    if (!done) return finish(task, {.retry_later = true});
    finish(task, {.outcomes = {ReportDrift{stray.vm, stray.finding}}});
  });
}

void Hands::release(const TaskPtr& task, const ReleaseHandles& stray) {
  if (const auto before = letting_go_.find(stray.vm); before != letting_go_.end()) {
    before->second.push_back([this, task, stray] { release(task, stray); });
    return;
  }
  const bool held = host_.things.contains(stray.vm) && host_.things[stray.vm].handles();
  run(release_steps(stray.vm), [this, task, stray, held](bool done) {
    EffectEnd end{.outcomes = {}, .retry_later = !done};
    for (const DriftCorrected& each : stray.findings) {
      if (done && held) end.outcomes.push_back(ReportDrift{stray.vm, each});
    }
    finish(task, std::move(end));
  });
}

void Hands::set_network(const TaskPtr& task, const SetNetwork& effect) {
  Steps steps;
  steps.push_back(faulty([this, effect] {
    if (effect.network.empty()) {
      const bool taps = std::ranges::any_of(host_.things, [](const auto& each) { return each.second.tap; });
      if (taps) return Done::kNo;
      host_.bridge.reset();
      has_set_rules_ = false;
    } else {
      host_.bridge = Bridge{effect.network, scheduler_.life()};
      has_set_rules_ = true;
    }
    return Done::kYes;
  }));
  run(std::move(steps), [this, task, effect](bool done) {
    EffectEnd end{.outcomes = {}, .retry_later = !done};
    if (done && effect.finding) end.outcomes.push_back(ReportDrift{std::nullopt, *effect.finding});
    finish(task, std::move(end));
  });
}

void Hands::build(const TaskPtr& task, const Image& image) {
  Steps steps;
  steps.push_back(faulty([this, task, image] {
    if (task->cancelled) return Done::kNo;
    host_.images.insert(image.id);
    return Done::kYes;
  }));
  run(std::move(steps), [this, task, image](bool) {
    // One that is there was made, by whomever, and whatever was said of it.
    if (host_.images.contains(image.id)) {
      return finish(task, {.outcomes = {ReportImageMade{image.id, image.fence, {}, 1 << 20, 1 << 20}}});
    }
    finish(task, {.outcomes = {ReportImageFailed{image.id, image.fence, "no"}}});
  });
}

void Hands::remove(const TaskPtr& task, const Image& image) {
  Steps steps;
  steps.push_back(faulty([this, image] {
    host_.images.erase(image.id);
    return Done::kYes;
  }));
  run(std::move(steps), [this, task, image](bool done) {
    if (!done) return finish(task, {.retry_later = true});
    finish(task, {.outcomes = {ReportImageRemoved{image.id, image.fence}}});
  });
}

}  // namespace banger::sim
