// HostEffects: the EffectRunner of a real host. Blocking steps (vm_steps, images) go to the worker pool; waiting
// (for a VMM to answer, a guest to boot or to go down) stays on the loop. It also watches every VMM that runs,
// started here or adopted, and gives notice of each that ends by itself.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>

#include "drivers/effects/guest_wait.h"
#include "drivers/effects/live_vmm.h"
#include "drivers/effects/network/network_effect.h"
#include "drivers/effects/vm_steps.h"
#include "drivers/uv/worker_pool.h"
#include "engine/ports.h"

namespace banger::effects {

class HostEffects : public EffectRunner {
 public:
  // `notice` takes outcomes that no effect is waiting for. `quick` runs the steps of VMs, `slow` builds images,
  // so that a build never keeps a start waiting.
  HostEffects(uv::Loop& loop, uv::WorkerPool& quick, uv::WorkerPool& slow, StepTools tools,
              std::function<void(Ask)> notice);
  ~HostEffects() override;

  void begin(const Effect& effect, std::function<void(EffectEnd)> done) override;
  void cancel(StreamId subject, Sequence fence) override;

  // Every look at the host passes by here: VMMs that run and that nobody watches yet are adopted.
  void saw(const Observation& observation, const Fleet& fleet);
  [[nodiscard]] const LiveVmm* live(VmId vm) const;

  struct ImageLog {
    std::deque<std::string> lines;  // the last ones, bounded
    std::uint64_t first = 0;        // number of the first of them
    bool running = false;
  };
  [[nodiscard]] const ImageLog* image_log(ImageId image) const;
  void on_image_line(std::function<void(ImageId)> listener) { image_listener_ = std::move(listener); }

 private:
  struct Task;  // one effect under way
  using TaskPtr = std::shared_ptr<Task>;

  void spawn(const TaskPtr& task, const VmRuntime& vm);
  void spawned(const TaskPtr& task, const VmRuntime& vm, std::expected<Vmm, StartFailure> result);
  void await_guest(const TaskPtr& task, const VmRuntime& vm);
  void stop(const TaskPtr& task, const VmRuntime& vm);
  void stop_watched(const TaskPtr& task, const VmRuntime& vm);
  void escalate(const TaskPtr& task, VmId vm);
  void tear_down(const TaskPtr& task, const VmRuntime& vm);
  void kill_stray(const TaskPtr& task, const KillStray& stray);
  void told_findings(const TaskPtr& task, VmId vm, const Result<std::vector<DriftCorrected>>& findings);
  void release_held(const TaskPtr& task, const ReleaseHandles& stray);
  void sweep(const TaskPtr& task, const SweepVm& stray);
  void build_image(const TaskPtr& task, const Image& image);
  void remove_image(const TaskPtr& task, const Image& image);

  [[nodiscard]] Status watch(VmId vm, Vmm vmm);
  void vmm_ended(VmId vm, std::uint32_t incarnation, VmmEnd end);
  [[nodiscard]] bool after_letting_go(VmId vm, std::function<void()> then);
  void told_end(VmId vm, std::uint32_t incarnation, VmmEnd end);
  void finish(const TaskPtr& task, EffectEnd end);
  template <class Work, class Done>
  void off_loop(uv::WorkerPool& pool, const TaskPtr& task, Work work, Done done);
  void image_line(ImageId image, std::string line);

  uv::Loop& loop_;
  uv::WorkerPool& quick_;
  uv::WorkerPool& slow_;
  StepTools tools_;
  std::function<void(Ask)> notice_;
  std::function<void(ImageId)> image_listener_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // false once this is destroyed
  std::vector<TaskPtr> tasks_;
  std::map<VmId, std::unique_ptr<LiveVmm>> live_;
  // VMs whose handles are being let go after their VMM's end, with what waits for that.
  std::map<VmId, std::vector<std::function<void()>>> letting_go_;
  std::map<ImageId, ImageLog> image_logs_;
  NetworkEffect network_;
};

}  // namespace banger::effects
