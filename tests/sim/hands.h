// The drivers and the observer of the simulated host: every effect as steps with time between them, each of which may be slow,
// fail, or be done and say that it failed; a kill leaves what was done by then. A look is taken part by part.
#pragma once

#include <list>
#include <memory>

#include "tests/sim/host.h"
#include "tests/sim/scheduler.h"

namespace banger::sim {

struct HostFaults {
  unsigned fail_percent = 0;   // a step is not done, and says so
  unsigned lie_percent = 0;    // it is done, and says that it is not
  unsigned slow_percent = 0;   // it takes seconds
  unsigned blind_percent = 0;  // a part of a look that cannot be told
  unsigned deaf_percent = 0;   // guests that do not hear of a shutdown, or never answer
  unsigned port_percent = 0;   // a host port that somebody else has taken
};

class Hands : public EffectRunner, public Observer {
 public:
  Hands(Scheduler& scheduler, Host& host, const HostFaults& faults, std::function<void(Ask)> notice)
      : scheduler_(scheduler), host_(host), faults_(faults), notice_(std::move(notice)) {}

  ~Hands();
  Hands(const Hands&) = delete;
  Hands& operator=(const Hands&) = delete;

  void begin(const Effect& effect, std::function<void(EffectEnd)> done) override;
  void cancel(StreamId subject, Sequence fence) override;
  void observe(std::function<void(Observation)> done) override;
  // A process is no more, however that came. Tells the one that watches it.
  void process_ended(const ProcessIdentity& process, std::optional<StoppedBy> by);
  // What the runtime knows, for adopting what runs.
  void set_fleet(const Fleet* fleet) { fleet_ = fleet; }

 private:
  struct Task {
    StreamId subject;
    Sequence fence = 0;
    bool waits_for_guest = false;
    bool cancelled = false;
    bool finished = false;
    bool gives_up = false;
    std::function<void(EffectEnd)> done;
    std::function<void(std::optional<StoppedBy>)> on_end;  // of the VM's VMM
  };
  using TaskPtr = std::shared_ptr<Task>;
  // What a step comes to.
  enum class Done { kYes, kNo };
  using Step = std::function<Done()>;
  using Steps = std::list<Step>;
  using Then = std::function<void(bool done)>;

  struct Watched {
    ProcessIdentity process;
    std::uint32_t incarnation = 0;
  };

  // One after another, with time between them, until one is not done.
  void run(Steps steps, Then then);
  // The same, and each may fail or lie.
  Step faulty(Step step);
  void finish(const TaskPtr& task, EffectEnd end);
  void watch(VmId vm, const VmmSighting& vmm);
  void adopt(const Observation& seen);

  void spawn(const TaskPtr& task, const VmRuntime& vm);
  void spawned(const TaskPtr& task, const VmRuntime& vm, const VmmSighting& vmm, bool adopted);
  void await_guest(const TaskPtr& task, const VmRuntime& vm);
  void stop(const TaskPtr& task, const VmRuntime& vm);
  void stop_watched(const TaskPtr& task, const VmRuntime& vm);
  void tear_down(const TaskPtr& task, VmId vm, std::function<void(bool)> then);
  void kill_stray(const TaskPtr& task, const KillStray& stray);
  void release(const TaskPtr& task, const ReleaseHandles& stray);
  void set_network(const TaskPtr& task, const SetNetwork& effect);
  void build(const TaskPtr& task, const Image& image);
  void remove(const TaskPtr& task, const Image& image);

  Steps release_steps(VmId vm);
  void end_process(const ProcessIdentity& process, std::optional<StoppedBy> by);

  Scheduler& scheduler_;
  Host& host_;
  const HostFaults& faults_;
  std::function<void(Ask)> notice_;
  const Fleet* fleet_ = nullptr;
  std::list<TaskPtr> tasks_;
  bool has_set_rules_ = false;
  std::map<VmId, Watched> watched_;
  std::map<VmId, std::vector<std::function<void()>>> letting_go_;
};

}  // namespace banger::sim
