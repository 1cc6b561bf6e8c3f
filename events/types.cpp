#include "events/types.h"

namespace banger {

std::string_view name_of(NetMode value) {
  switch (value) {
    case NetMode::kUser: return "user";
    case NetMode::kNone: return "none";
    case NetMode::kBridge: return "bridge";
  }
  return {};
}

std::string_view name_of(Protocol value) {
  switch (value) {
    case Protocol::kTcp: return "tcp";
    case Protocol::kUdp: return "udp";
  }
  return {};
}

std::string_view name_of(StopMode value) {
  switch (value) {
    case StopMode::kGraceful: return "graceful";
    case StopMode::kForced: return "forced";
  }
  return {};
}

std::string_view name_of(StoppedBy value) {
  switch (value) {
    case StoppedBy::kGuest: return "guest";
    case StoppedBy::kRequest: return "request";
    case StoppedBy::kForce: return "force";
    case StoppedBy::kObserved: return "observed";
  }
  return {};
}

std::string_view name_of(StartStage value) {
  switch (value) {
    case StartStage::kPreflight: return "preflight";
    case StartStage::kDirectory: return "directory";
    case StartStage::kKeys: return "keys";
    case StartStage::kDisk: return "disk";
    case StartStage::kPorts: return "ports";
    case StartStage::kVmm: return "vmm";
    case StartStage::kDeadline: return "deadline";
    case StartStage::kNetwork: return "network";
  }
  return {};
}

std::string_view name_of(ExecOutcome value) {
  switch (value) {
    case ExecOutcome::kExited: return "exited";
    case ExecOutcome::kSignalled: return "signalled";
    case ExecOutcome::kTimedOut: return "timed_out";
    case ExecOutcome::kLost: return "lost";
    case ExecOutcome::kFailed: return "failed";
  }
  return {};
}

std::string_view name_of(DeathCause value) {
  switch (value) {
    case DeathCause::kUnknown: return "unknown";
    case DeathCause::kExited: return "exited";
    case DeathCause::kSignalled: return "signalled";
    case DeathCause::kGuestPanic: return "guest_panic";
    case DeathCause::kToldToEnd: return "told_to_end";
  }
  return {};
}

std::string_view name_of(ImageSource value) {
  switch (value) {
    case ImageSource::kRecipe: return "recipe";
    case ImageSource::kImport: return "import";
  }
  return {};
}

std::string_view name_of(EpochReason value) {
  switch (value) {
    case EpochReason::kCreated: return "created";
    case EpochReason::kRestored: return "restored";
    case EpochReason::kRepaired: return "repaired";
    case EpochReason::kLossAccepted: return "loss_accepted";
  }
  return {};
}

std::string_view name_of(ResourceClass value) {
  switch (value) {
    case ResourceClass::kVmm: return "vmm";
    case ResourceClass::kVmDirectory: return "vm_directory";
    case ResourceClass::kImageDirectory: return "image_directory";
    case ResourceClass::kDmSnapshot: return "dm_snapshot";
    case ResourceClass::kLoop: return "loop";
    case ResourceClass::kTap: return "tap";
    case ResourceClass::kNetwork: return "network";
  }
  return {};
}

std::string_view name_of(Condition value) {
  switch (value) {
    case Condition::kAbsent: return "absent";
    case Condition::kUnwanted: return "unwanted";
    case Condition::kStale: return "stale";
    case Condition::kDuplicate: return "duplicate";
    case Condition::kUnowned: return "unowned";
    case Condition::kDamaged: return "damaged";
  }
  return {};
}

std::string_view name_of(CorrectiveAction value) {
  switch (value) {
    case CorrectiveAction::kKilled: return "killed";
    case CorrectiveAction::kReported: return "reported";
    case CorrectiveAction::kRemoved: return "removed";
    case CorrectiveAction::kFailed: return "failed";
    case CorrectiveAction::kRestored: return "restored";
  }
  return {};
}

bool was_done(CorrectiveAction value) {
  return value != CorrectiveAction::kReported && value != CorrectiveAction::kFailed;
}

}  // namespace banger
