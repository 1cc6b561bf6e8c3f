// What plan wants done to the host. Each effect carries all that its driver needs, with the intent's sequence
// as fence and idempotency key: doing one twice, or one that is done already, must end in the same place.
#pragma once

#include <variant>

#include "engine/command.h"
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
// Have the kernel hold nothing of the disk of a VM that is down. Where it holds nothing any more, there is no finding.
struct ReleaseDisk {
  VmId vm;
  DriftCorrected finding;
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

using Effect = std::variant<SpawnVmm, AwaitGuest, StopVmm, TearDownVm, KillStray, ReleaseDisk, BuildImage,
                            RemoveImage, Settle, CancelEffects>;

[[nodiscard]] std::string_view name_of(const Effect& effect);
[[nodiscard]] StreamId subject_of(const Effect& effect);
[[nodiscard]] Sequence fence_of(const Effect& effect);

}  // namespace banger
