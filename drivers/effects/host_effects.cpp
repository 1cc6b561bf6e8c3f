#include "drivers/effects/host_effects.h"

#include <algorithm>
#include <csignal>

#include "drivers/effects/task.h"
#include "events/assert.h"

namespace banger::effects {

HostEffects::HostEffects(uv::Loop& loop, uv::WorkerPool& quick, uv::WorkerPool& slow, StepTools tools,
                         std::function<void(Ask)> notice)
    : loop_(loop), quick_(quick), slow_(slow), tools_(tools), notice_(std::move(notice)),
      network_(loop, quick, tools.links, tools.config.resolver_port) {}

HostEffects::~HostEffects() {
  *here_ = false;
  for (const TaskPtr& task : tasks_) task->cancelled = true;
}

void HostEffects::begin(const Effect& effect, std::function<void(EffectEnd)> done) {
  auto task = std::make_shared<Task>();
  task->subject = subject_of(effect);
  task->fence = fence_of(effect);
  task->done = std::move(done);
  tasks_.push_back(task);
  std::visit(Overloaded{[&](const SpawnVmm& e) { spawn(task, e.vm); },
                        [&](const AwaitGuest& e) { await_guest(task, e.vm); },
                        [&](const StopVmm& e) { stop(task, e.vm); },
                        [&](const TearDownVm& e) { tear_down(task, e.vm); },
                        [&](const KillStray& e) { kill_stray(task, e); },
                        [&](const ReleaseHandles& e) { release_held(task, e); },
                        [&](const SweepVm& e) { sweep(task, e); },
                        [&](const SetNetwork& e) { network_.begin(e, [this, task](EffectEnd end) { finish(task, std::move(end)); }); },
                        [&](const BuildImage& e) { build_image(task, e.image); },
                        [&](const RemoveImage& e) { remove_image(task, e.image); },
                        [&](const Settle&) { BANGER_ASSERT(false); },
                        [&](const CancelEffects&) { BANGER_ASSERT(false); }},
             effect);
}

void HostEffects::cancel(StreamId subject, Sequence fence) {
  auto tasks = tasks_;
  for (const TaskPtr& task : tasks) {
    if (task->subject != subject || task->fence != fence) continue;
    task->cancelled = true;
    if (task->gives_up) finish(task, {});
  }
}

// Ends the task, and whatever it was waiting for. Later, never from within begin() or cancel().
void HostEffects::finish(const TaskPtr& task, EffectEnd end) {
  if (task->finished) return;
  task->finished = true;
  task->on_up = nullptr;
  task->on_end = nullptr;
  loop_.defer([this, here = here_, task, end = std::move(end)]() mutable {
    if (!*here) return;
    task->stop_waiting();
    std::erase(tasks_, task);
    auto done = std::move(task->done);
    done(std::move(end));
  });
}

template <class Work, class Done>
void HostEffects::off_loop(uv::WorkerPool& pool, const TaskPtr& task, Work work, Done done) {
  auto submitted = pool.submit(std::move(work), [here = here_, done = std::move(done)](auto result) mutable {
    if (*here) done(std::move(result));
  });
  if (!submitted) finish(task, {.retry_later = true});
}

// ---- starting ----

// True: the VM's disk is being let go, and `then` comes after that.
bool HostEffects::after_letting_go(VmId vm, std::function<void()> then) {
  auto before = letting_go_.find(vm);
  if (before == letting_go_.end()) return false;
  before->second.push_back(std::move(then));
  return true;
}

void HostEffects::spawn(const TaskPtr& task, const VmRuntime& vm) {
  if (after_letting_go(vm.id, [this, task, vm] { spawn(task, vm); })) return;
  off_loop(
      quick_, task, [tools = tools_, vm, task] { return start_vmm(tools, vm, task->cancelled); },
      [this, task, vm](std::expected<Vmm, StartFailure> result) { spawned(task, vm, std::move(result)); });
}

void HostEffects::spawned(const TaskPtr& task, const VmRuntime& vm, std::expected<Vmm, StartFailure> result) {
  auto fail_start = [this, task, id = vm.id, fence = vm.fence](StartStage stage, std::string message) {
    finish(task, {.outcomes = {ReportSpawnFailed{id, fence, stage, std::move(message)}}});
  };
  if (!result && result.error().busy_port != 0) {
    return finish(task, {.outcomes = {ReportPortBusy{vm.id, vm.fence, result.error().busy_port}}});
  }
  if (!result) return fail_start(result.error().stage, result.error().message);
  bool adopted = result->adopted;
  auto process = result->sighting.process;
  bool watched = live_.contains(vm.id) && live_.at(vm.id)->sighting().process == process;
  if (!watched) {
    if (auto watching = watch(vm.id, std::move(*result)); !watching) {
      return off_loop(
          quick_, task, [tools = tools_, id = vm.id, process] { return abandon_vmm(tools, id, process); },
          [fail_start, why = watching.error().message](const Status& ended) {
            fail_start(StartStage::kVmm, ended ? why : why + "; " + ended.error().message);
          });
    }
  }
  task->gives_up = true;  // from here on it only waits; a VMM that is not wanted any more is stopped by its successor
  if (task->cancelled) return finish(task, {});
  auto up = [this, task, id = vm.id, fence = vm.fence, adopted] {
    finish(task, {.outcomes = {ReportSpawned{id, fence, adopted}}});
  };
  if (live_.at(vm.id)->is_up()) return up();
  task->on_up = up;
  task->on_end = [fail_start](VmmEnd end) { fail_start(StartStage::kVmm, std::move(end.reason)); };
}

Status HostEffects::watch(VmId vm, Vmm vmm) {
  std::uint32_t incarnation = vmm.sighting.incarnation;
  auto live = LiveVmm::open(
      loop_, quick_, tools_, vm, std::move(vmm),
      {.up =
           [this, vm] {
             for (const TaskPtr& task : tasks_) {
               if (task->subject == stream_of(vm) && task->on_up) return std::exchange(task->on_up, nullptr)();
             }
           },
       .ended = [this, vm, incarnation](VmmEnd end) { vmm_ended(vm, incarnation, std::move(end)); }});
  if (!live) return std::unexpected(live.error());
  live_[vm] = std::move(*live);
  return {};
}

void HostEffects::vmm_ended(VmId vm, std::uint32_t incarnation, VmmEnd end) {
  live_.erase(vm);
  bool awaited = false;
  for (const TaskPtr& task : tasks_) {
    if (task->subject != stream_of(vm) || !task->on_end) continue;
    awaited = true;
    task->stop_waiting();  // what was to make it end has no one to end any more
  }
  // Its handles go before whoever ended it goes on; a death by itself is told at once, for a look at the host that comes
  // before could not say how it died. What else is done to them waits in any case.
  const bool holds = may_hold_handles(tools_, vm);
  if (!awaited || !holds) told_end(vm, incarnation, end);
  if (!holds) return;
  letting_go_.try_emplace(vm);
  // Where it fails the VM is down all the same: what is left is found by a later look.
  auto let_go = [this, here = here_, vm, incarnation, end, awaited](Status) {
    if (!*here) return;
    auto waiting = std::exchange(letting_go_[vm], {});
    letting_go_.erase(vm);
    if (awaited) told_end(vm, incarnation, end);
    for (const auto& then : waiting) then();
  };
  if (!quick_.submit([tools = tools_, vm] { return release_handles(tools, vm); }, let_go)) let_go({});
}

// Tells whoever waits for that end, or else the runtime.
void HostEffects::told_end(VmId vm, std::uint32_t incarnation, VmmEnd end) {
  for (const TaskPtr& task : tasks_) {
    if (task->subject != stream_of(vm) || !task->on_end) continue;
    return std::exchange(task->on_end, nullptr)(std::move(end));
  }
  notice_(ReportGone{vm, incarnation, end.by, std::move(end.reason), end.cause, end.code});
}

void HostEffects::saw(const Observation& observation, const Fleet& fleet) {
  for (const auto& [id, vmms] : observation.vmms) {
    const VmRuntime* vm = fleet.vm(id);
    bool busy = std::ranges::any_of(tasks_, [&](const TaskPtr& task) {
      return task->subject == stream_of(id) && !task->wait;
    });
    if (!vm || vm->state != VmState::kRunning || live_.contains(id) || busy) continue;
    const VmmSighting& vmm = vmms.front();
    if (vmm.incarnation != vm->incarnation) continue;
    auto handles = tools_.handles.find(id);
    if (!handles) {
      auto scratch = observe::read_handles(vm_paths(tools_.config.layout, id).handles);
      handles = observe::rediscover(id, observation, scratch ? *scratch : std::nullopt).handles;
    }
    handles->vmm = vmm.process;
    handles->incarnation = vmm.incarnation;
    tools_.handles.seed(id, *handles);
    if (auto adopted = adopt_vmm(tools_.config, id, vmm)) (void)watch(id, std::move(*adopted));
  }
}

void HostEffects::await_guest(const TaskPtr& task, const VmRuntime& vm) {
  task->gives_up = true;
  task->wait = std::make_unique<GuestWait>(loop_, *ssh_endpoint(vm), [this, task, id = vm.id, fence = vm.fence] {
    finish(task, {.outcomes = {ReportReady{id, fence}}});
  });
}

// ---- stopping ----

void HostEffects::stop(const TaskPtr& task, const VmRuntime& vm) {
  if (live_.contains(vm.id)) return stop_watched(task, vm);
  off_loop(
      quick_, task,
      [tools = tools_, id = vm.id]() -> Result<std::optional<Vmm>> {
        auto seen = look_for(tools.config, id);
        if (!seen) return std::unexpected(seen.error());
        if (seen->empty()) {
          BANGER_TRY(release_handles(tools, id));
          return std::nullopt;
        }
        for (std::size_t i = 1; i < seen->size(); ++i) BANGER_TRY(kill_process((*seen)[i].process));
        auto adopted = adopt_vmm(tools.config, id, seen->front());
        if (!adopted && adopted.error().sys_errno == ESRCH) return std::nullopt;
        if (!adopted) return std::unexpected(adopted.error());
        return std::move(*adopted);
      },
      [this, task, vm](Result<std::optional<Vmm>> found) {
        auto stalled = [&](const Error& error) {
          finish(task, {.outcomes = {ReportTearDownFailed{vm.id, vm.fence, error.message}}, .retry_later = true});
        };
        if (!found) return stalled(found.error());
        if (!*found) {
          return finish(task, {.outcomes = {ReportGone{vm.id, vm.incarnation, StoppedBy::kObserved, ""}}});
        }
        if (auto watching = watch(vm.id, std::move(**found)); !watching) return stalled(watching.error());
        stop_watched(task, vm);
      });
}

void HostEffects::stop_watched(const TaskPtr& task, const VmRuntime& vm) {
  static constexpr std::uint64_t kPressEveryMs = 1000;  // a guest that still boots does not hear the first presses
  task->gives_up = true;
  if (task->cancelled) return finish(task, {});
  task->on_end = [this, task, id = vm.id, incarnation = vm.incarnation](VmmEnd end) {
    StoppedBy by = task->forced ? StoppedBy::kForce : end.by ? StoppedBy::kRequest : StoppedBy::kObserved;
    finish(task, {.outcomes = {ReportGone{id, incarnation, by, std::move(end.reason), end.cause, end.code}}});
  };
  if (vm.stop_mode == StopMode::kForced) return escalate(task, vm.id);
  std::uint64_t until = loop_.now_ms() + vm.stop_timeout_ms;
  task->timer = std::make_unique<uv::Timer>(loop_, [this, task = task.get(), id = vm.id, until] {
    auto live = live_.find(id);
    if (live == live_.end() || task->finished) return;
    if (loop_.now_ms() >= until) return escalate(task->shared_from_this(), id);
    live->second->power_down();
    task->timer->start_once(std::min(kPressEveryMs, until - loop_.now_ms() + 1));
  });
  task->timer->start_once(0);
}

// The VMM itself is ended: gently, so that it closes its disks, and then not.
void HostEffects::escalate(const TaskPtr& task, VmId vm) {
  constexpr std::uint64_t kTermMs = 3000;
  constexpr std::uint64_t kKillMs = 10'000;
  task->forced = true;
  auto killed = [this, task = task.get(), vm] {
    finish(task->shared_from_this(),
           {.outcomes = {ReportTearDownFailed{vm, task->fence, "the VMM does not end, although it was killed"}},
            .retry_later = true});
  };
  auto termed = [this, task = task.get(), vm, killed] {
    if (auto live = live_.find(vm); live != live_.end()) live->second->signal(SIGKILL);
    task->kill_timer = std::make_unique<uv::Timer>(loop_, killed);
    task->kill_timer->start_once(kKillMs);
  };
  live_.at(vm)->signal(SIGTERM);
  task->term_timer = std::make_unique<uv::Timer>(loop_, termed);
  task->term_timer->start_once(kTermMs);
}

// ---- ending ----

void HostEffects::tear_down(const TaskPtr& task, const VmRuntime& vm) {
  auto remove = [this, task, id = vm.id, fence = vm.fence] {
    off_loop(
        quick_, task, [tools = tools_, id] { return remove_vm(tools, id); },
        [this, task, id, fence](Status removed) {
          if (removed) return finish(task, {.outcomes = {ReportTornDown{id, fence}}});
          finish(task, {.outcomes = {ReportTearDownFailed{id, fence, removed.error().message}}, .retry_later = true});
        });
  };
  auto live = live_.find(vm.id);
  if (live == live_.end()) return remove();
  task->on_end = [remove](const VmmEnd&) { remove(); };
  escalate(task, vm.id);
  live->second->signal(SIGKILL);  // nothing of it is to be kept
}

void HostEffects::kill_stray(const TaskPtr& task, const KillStray& stray) {
  auto told = [this, task, vm = stray.vm, finding = stray.finding] {
    finish(task, {.outcomes = {ReportDrift{vm, finding}}});
  };
  auto live = live_.find(stray.vm);
  if (live != live_.end() && live->second->sighting().process == stray.process) {
    task->on_end = [told](const VmmEnd&) { told(); };
    return escalate(task, stray.vm);
  }
  off_loop(
      quick_, task, [process = stray.process] { return kill_process(process); },
      [this, task, told](Status killed) { killed ? told() : finish(task, {.retry_later = true}); });
}

// Tells of each finding that something was done about.
void HostEffects::told_findings(const TaskPtr& task, VmId vm, const Result<std::vector<DriftCorrected>>& findings) {
  if (!findings) return finish(task, {.retry_later = true});
  EffectEnd end;
  for (const DriftCorrected& finding : *findings) end.outcomes.push_back(ReportDrift{vm, finding});
  finish(task, std::move(end));
}

void HostEffects::release_held(const TaskPtr& task, const ReleaseHandles& stray) {
  if (after_letting_go(stray.vm, [this, task, stray] { release_held(task, stray); })) return;
  off_loop(
      quick_, task, [tools = tools_, stray] { return release_stray(tools, stray); },
      [this, task, vm = stray.vm](const Result<std::vector<DriftCorrected>>& done) { told_findings(task, vm, done); });
}

void HostEffects::sweep(const TaskPtr& task, const SweepVm& stray) {
  off_loop(
      quick_, task,
      [tools = tools_, stray]() -> Result<std::vector<DriftCorrected>> {
        BANGER_TRY(remove_vm(tools, stray.vm));
        return stray.findings;
      },
      [this, task, vm = stray.vm](const Result<std::vector<DriftCorrected>>& done) { told_findings(task, vm, done); });
}

// ---- images ----

void HostEffects::build_image(const TaskPtr& task, const Image& image) {
  image_logs_[image.id] = {.running = true};
  auto progress = [this, here = here_, id = image.id, &loop = loop_](std::string_view line) {
    loop.post([this, here, id, line = std::string(line)] {
      if (*here) image_line(id, line);
    });
  };
  off_loop(
      slow_, task,
      [tools = tools_, image, progress, task]() -> Result<image::ImageInfo> {
        if (auto made = tools.images.find(image.id)) return made;  // by a daemon that died before it could say so
        if (image.source == ImageSource::kImport) {
          return tools.images.import(image.id, {.path = image.path, .cancelled = &task->cancelled}, progress);
        }
        return tools.images.build(image.id, {.recipe = image.recipe, .cancelled = &task->cancelled}, progress);
      },
      [this, task, id = image.id, fence = image.fence](Result<image::ImageInfo> made) {
        image_logs_[id].running = false;
        if (image_listener_) image_listener_(id);
        if (made) {
          return finish(task, {.outcomes = {ReportImageMade{id, fence, made->digest, made->virtual_bytes,
                                                            made->disk_bytes}}});
        }
        finish(task, {.outcomes = {ReportImageFailed{id, fence, made.error().message}}});
      });
}

void HostEffects::remove_image(const TaskPtr& task, const Image& image) {
  image_logs_.erase(image.id);
  off_loop(
      quick_, task, [tools = tools_, id = image.id] { return tools.images.remove(id); },
      [this, task, id = image.id, fence = image.fence](Status removed) {
        if (removed) return finish(task, {.outcomes = {ReportImageRemoved{id, fence}}});
        finish(task, {.retry_later = true});
      });
}

void HostEffects::image_line(ImageId image, std::string line) {
  constexpr std::size_t kMaxLines = 2000;
  ImageLog& log = image_logs_[image];
  log.lines.push_back(std::move(line));
  if (log.lines.size() > kMaxLines) {
    log.lines.pop_front();
    ++log.first;
  }
  if (image_listener_) image_listener_(image);
}

const LiveVmm* HostEffects::live(VmId vm) const {
  auto found = live_.find(vm);
  return found == live_.end() ? nullptr : found->second.get();
}

const HostEffects::ImageLog* HostEffects::image_log(ImageId image) const {
  auto found = image_logs_.find(image);
  return found == image_logs_.end() ? nullptr : &found->second;
}

}  // namespace banger::effects
