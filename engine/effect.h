// What plan wants done to the host. Each effect carries all that its driver needs, with the intent's sequence
// as fence and idempotency key: doing one twice, or one that is done already, must end in the same place.
#pragma once

#include <variant>

#include "engine/command.h"
#include "engine/guest_network.h"
#include "engine/handles.h"

namespace banger {

// Have this incarnation's VMM up. The driver looks first: one that runs already is adopted.
struct SpawnVmm {
  VmRuntime vm;
};
// Tell when the guest answers. Ends only by an answer, by the VMM's end, or cancelled.
struct AwaitGuest {
  VmRuntime vm;
};
// Have no VMM of this VM running; gently first where the mode says so.
struct StopVmm {
  VmRuntime vm;
};
// Have nothing of this VM on the host, and prove it.
struct TearDownVm {
  VmRuntime vm;
};
// End one process that is ours and not wanted.
struct KillStray {
  VmId vm;
  ProcessIdentity process;
  DriftCorrected finding;
};
// Have the kernel hold nothing for a VM that is down. What it does not hold any more, there is no finding about.
struct ReleaseHandles {
  VmId vm;
  std::vector<DriftCorrected> findings;  // one for each class of what was seen
};
// Have nothing on the host of a VM that no log knows.
struct SweepVm {
  VmId vm;
  std::vector<DriftCorrected> findings;
};
// Have bridge, rules, taps' isolation and names as these guests need them; for none of them, have no bridge and no rules.
struct SetNetwork {
  GuestNetwork network;
  std::optional<DriftCorrected> finding;
};
struct BuildImage {
  Image image;
};
struct RemoveImage {
  Image image;
};
// Nothing to do: the observation itself settles it.
struct Settle {
  Ask outcome;
};
// Give up on what is under way for a subject: its intent has been overtaken.
struct CancelEffects {
  StreamId subject;
  Sequence fence = 0;  // of the effect to give up
};

using Effect = std::variant<SpawnVmm, AwaitGuest, StopVmm, TearDownVm, KillStray, ReleaseHandles, SweepVm,
                            SetNetwork, BuildImage, RemoveImage, Settle, CancelEffects>;

[[nodiscard]] std::string_view name_of(const Effect& effect);
// An effect of no intent, by its name: it puts right what a look at the host saw.
[[nodiscard]] bool corrects(std::string_view effect);
[[nodiscard]] StreamId subject_of(const Effect& effect);
[[nodiscard]] Sequence fence_of(const Effect& effect);

}  // namespace banger
