// A host as the events so far would have left it: the processes, directories and boot that they speak of, and
// the effects that plan would have begun and that nothing has ended yet. `bangerctl replay` asks plan against
// it what it would have done; tests use it as a host that never surprises. Pure: it looks at nothing.
#pragma once

#include "engine/plan.h"

namespace banger {

class SimulatedHost {
 public:
  // What an event says that happened to the host. `fleet` is already folded up to it.
  void apply(const Fleet& fleet, const EventRecord& record);

  // What a look at it would show.
  [[nodiscard]] const Observation& observation() const { return observation_; }
  // What plan would do now. What it gives is under way from then on, until an event says how it ended or plan
  // cancels it; asked again without another event it gives nothing new.
  [[nodiscard]] std::vector<Effect> plan(const Fleet& fleet);

 private:
  void start_process(VmId vm, std::uint32_t incarnation, BootId boot);
  void end_effects(StreamId subject, std::initializer_list<std::string_view> effects);
  void apply_to_vm(VmId vm, const EventRecord& record);
  void apply_to_image(ImageId image, const Event& event);
  void apply_to_host(const Event& event);

  Observation observation_{.processes_known = true, .directories_known = true};
  PlanContext context_;
  std::uint64_t started_ = 0;  // processes so far: they tell them apart
};

}  // namespace banger
