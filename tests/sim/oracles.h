// What must hold after every step: each throws a Failure that names itself.
#pragma once

#include "engine/runtime/runtime.h"
#include "projections/replay.h"
#include "tests/sim/disk.h"
#include "tests/sim/host.h"

namespace banger::sim {

class Oracles {
 public:
  Oracles(Disk& disk, const Host& host) : disk_(disk), host_(host) {}

  // New events are on the disk: they fold, one command has its effect once, and deleted is nothing of which anything is there.
  void synced();
  // A client was told: only of what is on the disk, and every time the same.
  void answered(const Request& request, const Answer& answer);
  // An effect begins: its intent is on the disk.
  void begins(const Effect& effect) const;
  // A daemon has opened the log: what was acknowledged is there, and the stored rows are what a replay gives.
  void opened();
  // After the faults: everything is as it was asked for, and nothing is left of what is gone.
  // `sweep`: nothing of unknown VMs is left; else it is all there still.
  void settled(const Runtime& runtime, bool sweep, const std::map<VmId, Things>& leftovers) const;

  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  [[nodiscard]] const Fleet& fleet() const { return replay_.fleet(); }

 private:
  void took(const EventRecord& record);
  void mix(std::string_view bytes);

  Disk& disk_;
  const Host& host_;
  Replay replay_;
  Interned interned_;
  std::size_t names_ = 0;  // of the disk's that are in interned_
  std::map<CommandId, Sequence> last_of_;  // each command's last event
  std::map<CommandId, Accepted> acknowledged_;
  std::map<VmId, std::uint32_t> started_;  // each VM's last incarnation that was up
  std::uint64_t digest_ = 0xcbf29ce484222325;
};

}  // namespace banger::sim
