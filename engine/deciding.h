// Shared by the parts of decide, and private to them: what is at hand while a command is decided.
#pragma once

#include "engine/decide.h"

namespace banger {

using Decided = std::expected<Decision, Rejection>;

struct Asked {
  const Fleet& fleet;
  const HostLimits& limits;
  const Command& command;
};

[[nodiscard]] inline std::unexpected<Rejection> refuse(Refusal kind, std::string message,
                                                       std::string hint = {}) {
  return std::unexpected(Rejection{kind, std::move(message), std::move(hint)});
}

// One overload a command. Intents on VMs: decide_vm.cpp; on images: decide_image.cpp; outcomes: decide_outcome.cpp.
[[nodiscard]] Decided decide_on(const Asked& asked, const CreateVm& create);
[[nodiscard]] Decided decide_on(const Asked& asked, const StartVm& start);
[[nodiscard]] Decided decide_on(const Asked& asked, const StopVm& stop);
[[nodiscard]] Decided decide_on(const Asked& asked, const RestartVm& restart);
[[nodiscard]] Decided decide_on(const Asked& asked, const DeleteVm& remove);
[[nodiscard]] Decided decide_on(const Asked& asked, const SetVm& set);
[[nodiscard]] Decided decide_on(const Asked& asked, const StartExec& start);
[[nodiscard]] Decided decide_on(const Asked& asked, const FinishExec& finish);
[[nodiscard]] Decided decide_on(const Asked& asked, const MakeImage& make);
[[nodiscard]] Decided decide_on(const Asked& asked, const DeleteImage& remove);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportSpawned& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportSpawnFailed& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportPortBusy& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportReady& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportDeadline& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportGone& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportTornDown& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportTearDownFailed& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportImageMade& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportImageFailed& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportImageRemoved& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportHost& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportDaemonStopped& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportProjectionDrift& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportErased& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportArchived& report);
[[nodiscard]] Decided decide_on(const Asked& asked, const ReportDrift& report);

// The refusal of everything about a stream that stopped at an event that did not fit.
[[nodiscard]] std::unexpected<Rejection> refuse_parked(std::string_view what, const Parked& parked);

// The VM that an intent names, unless its stream is parked.
[[nodiscard]] std::expected<const VmRuntime*, Rejection> vm_to_change(const Fleet& fleet,
                                                                      std::string_view reference);

// The next incarnation's start, with the limits' deadlines.
[[nodiscard]] VmStartRequested next_start(const HostLimits& limits, std::uint32_t incarnation);

// A host port that no VM has and that is not in `taken`, beginning at a random one so that two daemons on one
// host seldom meet; 0 where all are taken.
[[nodiscard]] std::uint16_t allocate_port(const Asked& asked, std::vector<std::uint16_t>& taken);

// The address that a VM is to have from now on, where it needs one and `current` will not do: it has none yet, or one
// of a subnet that was configured before. A refusal where this daemon has no bridge, or all addresses are taken.
[[nodiscard]] std::expected<std::optional<VmAddressAssigned>, Rejection> choose_address(const Asked& asked, NetMode net,
                                                                                        std::string_view current);

// Ends what is still open in the guest, because the guest is gone or going; and deletes a VM that was to live
// only as long as its command.
void end_execs(const VmRuntime& vm, Sequence causation, Decision& decision);

}  // namespace banger
