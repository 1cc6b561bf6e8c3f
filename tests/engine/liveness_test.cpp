// The engine against a host that fails: a made-up host does what plan asks, badly, while people
// change their minds, the daemon is killed and the host reboots. Afterwards all must be as it was
// asked.
#include "engine/plan.h"
#include "tests/engine/random_history.h"

namespace banger {
namespace {

using namespace test;

struct Process {
  std::int32_t pid = 0;
  std::uint32_t incarnation = 0;
};

struct Task {
  Effect effect;
  bool cancelled = false;
};

class Host {
 public:
  explicit Host(std::uint64_t seed) : dice_(seed), world_(host_with_image()) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }

  // No more faults, people or crashes: true once plan wants nothing, nothing is under way and no
  // deadline is due.
  bool settles(int steps) {
    faults_ = false;
    for (int i = 0; i < steps; ++i) {
      if (!tick() && tasks_.empty()) return true;
      while (!tasks_.empty()) finish(0);
      fire_deadlines();
    }
    return false;
  }

  void check_settled() {
    for (const auto& [stream, parked] : world_.fleet.parked) FAIL(parked.reason);
    for (const auto& [id, vm] : world_.fleet.vms) {
      CAPTURE(vm.name, name_of(vm.state));
      bool running = vm.state == VmState::kRunning;
      CHECK((running || vm.state == VmState::kCreated || vm.state == VmState::kStopped ||
             vm.state == VmState::kError));
      auto& processes = processes_[id];
      CHECK(processes.size() == (running ? 1 : 0));
      if (running && !processes.empty()) CHECK(processes[0].incarnation == vm.incarnation);
      if (running && vm.ssh_port != 0) CHECK(vm.ready);
    }
    for (const auto& [id, processes] : processes_) {
      if (!world_.fleet.vms.contains(id)) CHECK(processes.empty());
    }
    CHECK(network_ == network_of(world_.fleet));
  }

 private:
  void step() {
    world_.random = dice_.next();
    switch (dice_.below(10)) {
      case 0:
      case 1:
        world_.doing(random_intent(world_, dice_));
        break;
      case 2:
        tick();
        break;
      case 3:
        dispatch(plan(world_.fleet, observation_, context()));
        break;
      case 4:
        if (dice_.chance(20)) crash();
        break;
      case 5:
        fire_deadlines();
        break;
      case 6:
        misfortune();
        break;
      default:
        if (!tasks_.empty()) finish(dice_.below(tasks_.size()));
    }
  }

  PlanContext context() const {
    PlanContext context;
    context.network = network_;
    for (const Task& task : tasks_) {
      context.in_flight[subject_of(task.effect)].push_back(
          {fence_of(task.effect), name_of(task.effect), task.cancelled});
    }
    return context;
  }

  // Looks and acts on it; false where there was nothing to do.
  bool tick() {
    observation_ = {.processes_known = !faults_ || dice_.chance(90), .directories_known = true};
    for (const auto& [id, processes] : processes_) {
      for (const Process& each : processes) {
        observation_.vmms[id].push_back({{boot_, each.pid, 1}, each.incarnation});
      }
    }
    for (const Task& task : tasks_) disturb(subject_of(task.effect));
    Plan planned = plan(world_.fleet, observation_, context());
    bool wanted = !planned.effects.empty();
    dispatch(std::move(planned));
    return wanted;
  }

  void disturb(StreamId subject) {
    if (subject.kind == StreamKind::kVm) observation_.disturbed.insert(VmId{subject.id});
  }

  void dispatch(Plan planned) {
    for (Effect& effect : planned.effects) {
      if (auto* settle = std::get_if<Settle>(&effect)) {
        world_.doing(settle->outcome);
      } else if (auto* cancel = std::get_if<CancelEffects>(&effect)) {
        for (Task& task : tasks_) {
          bool meant =
              subject_of(task.effect) == cancel->subject && fence_of(task.effect) == cancel->fence;
          if (meant) REQUIRE_FALSE(std::exchange(task.cancelled, true));
        }
      } else {
        if (!std::holds_alternative<AwaitGuest>(effect)) disturb(subject_of(effect));
        tasks_.push_back({std::move(effect)});
      }
    }
  }

  bool fails() { return faults_ && dice_.chance(25); }

  // The driver of one effect gets to its end. Where the daemon is killed before it could say so,
  // what it did stays done.
  void finish(std::size_t index) {
    Task task = std::move(tasks_[index]);
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(index));
    if (!std::holds_alternative<AwaitGuest>(task.effect)) disturb(subject_of(task.effect));
    auto outcome =
        std::visit([&](const auto& effect) { return act(effect, task.cancelled); }, task.effect);
    if (faults_ && dice_.chance(2)) return crash();
    if (outcome) world_.doing(*outcome);
  }

  std::optional<Ask> act(const SpawnVmm& effect, bool cancelled) {
    auto& processes = processes_[effect.vm.id];
    // As the driver must: stale ones go first, a right one is adopted.
    std::erase_if(processes,
                  [&](const Process& each) { return each.incarnation != effect.vm.incarnation; });
    if (cancelled && dice_.chance(50)) return std::nullopt;
    if (!processes.empty()) return ReportSpawned{effect.vm.id, effect.vm.fence, true};
    if (fails()) {
      if (dice_.chance(40) && effect.vm.ssh_port != 0) {
        return ReportPortBusy{effect.vm.id, effect.vm.fence, effect.vm.ssh_port};
      }
      return ReportSpawnFailed{effect.vm.id, effect.vm.fence, StartStage::kVmm, "no"};
    }
    processes.push_back({++pids_, effect.vm.incarnation});
    if (cancelled) return std::nullopt;
    return ReportSpawned{effect.vm.id, effect.vm.fence, false};
  }

  std::optional<Ask> act(const AwaitGuest& effect, bool cancelled) {
    if (cancelled || fails() || processes_[effect.vm.id].empty()) return std::nullopt;
    return ReportReady{effect.vm.id, effect.vm.fence};
  }

  std::optional<Ask> act(const StopVmm& effect, bool cancelled) {
    if (cancelled) return std::nullopt;
    if (fails()) return ReportTearDownFailed{effect.vm.id, effect.vm.fence, "it would not"};
    processes_[effect.vm.id].clear();
    return ReportGone{effect.vm.id, effect.vm.incarnation, StoppedBy::kRequest, ""};
  }

  std::optional<Ask> act(const TearDownVm& effect, bool cancelled) {
    if (cancelled) return std::nullopt;
    if (fails()) return ReportTearDownFailed{effect.vm.id, effect.vm.fence, "busy"};
    processes_[effect.vm.id].clear();
    return ReportTornDown{effect.vm.id, effect.vm.fence};
  }

  std::optional<Ask> act(const KillStray& effect, bool) {
    if (fails()) return std::nullopt;
    std::erase_if(processes_[effect.vm],
                  [&](const Process& each) { return each.pid == effect.process.pid; });
    return ReportDrift{effect.vm, effect.finding};
  }

  // This world's disks are files, and only the last thing set is known of its bridge.
  std::optional<Ask> act(const ReleaseHandles&, bool) { return std::nullopt; }
  std::optional<Ask> act(const SweepVm&, bool) { return std::nullopt; }
  std::optional<Ask> act(const SetNetwork& effect, bool) {
    if (!fails()) network_ = effect.network;
    return std::nullopt;
  }

  std::optional<Ask> act(const BuildImage& effect, bool cancelled) {
    if (cancelled || fails()) return ReportImageFailed{effect.image.id, effect.image.fence, "no"};
    return ReportImageMade{effect.image.id, effect.image.fence, {}, 1 << 20, 1 << 20};
  }

  std::optional<Ask> act(const RemoveImage& effect, bool cancelled) {
    if (cancelled || fails()) return std::nullopt;
    return ReportImageRemoved{effect.image.id, effect.image.fence};
  }

  std::optional<Ask> act(const Settle&, bool) { return std::nullopt; }
  std::optional<Ask> act(const CancelEffects&, bool) { return std::nullopt; }

  void fire_deadlines() {
    std::vector<Ask> due;
    for (const auto& [id, vm] : world_.fleet.vms) {
      bool ready_soon = !faults_ && vm.state == VmState::kRunning;
      if (deadline_ms(vm) && !ready_soon && dice_.chance(10))
        due.push_back(ReportDeadline{id, vm.fence});
    }
    for (Ask& each : due) world_.doing(each);
  }

  // A guest powers off, a VMM is killed, or one appears that nobody should have started.
  void misfortune() {
    for (auto& [id, processes] : processes_) {
      if (dice_.chance(5)) processes.clear();
      if (dice_.chance(2) && world_.fleet.vms.contains(id)) {
        processes.push_back({++pids_, static_cast<std::uint32_t>(dice_.below(4))});
      }
    }
  }

  // The daemon is killed: nothing of it is left but the log. Sometimes it was the whole host.
  void crash() {
    network_.clear();
    tasks_.clear();
    observation_ = {};
    if (dice_.chance(30)) {
      processes_.clear();
      ++boot_.lo;
    }
    world_.doing(ReportHost{boot_, "6.1", "1"});
  }

  Dice dice_;
  GuestNetwork network_;  // as it was last set by this daemon
  World world_;
  std::vector<Task> tasks_;
  std::map<VmId, std::vector<Process>> processes_;
  Observation observation_;
  BootId boot_ = kBoot;
  std::int32_t pids_ = 1000;
  bool faults_ = true;
};

TEST_CASE("once faults stop, every VM gets to where it was asked to be, with one process or none") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    Host host(seed);
    host.run(150);
    REQUIRE(host.settles(40));
    host.check_settled();
  }
}

}  // namespace
}  // namespace banger
