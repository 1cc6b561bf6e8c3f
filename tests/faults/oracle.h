// What must hold once faults are over: what was acknowledged is there, a repeated command id has one effect and one answer,
// the VM is where it was asked to be, log and projections are whole, and nothing is left that was not there without the fault.
#pragma once

#include "tests/faults/operation.h"

namespace banger::faults {

// All that is compared with the same of a trial without a fault.
struct Seen {
  std::string state;                // of the VM; empty: there is none
  std::vector<std::string> events;  // kinds of all that the command led to, in order
  std::vector<std::string> plan;    // what is still to be done
  std::size_t vmms = 0;
  std::string files;  // with the VM's id left out, and without the hint handles.json, which an adopted VMM does without
  std::string gone;   // files after the VM was deleted

  friend bool operator==(const Seen&, const Seen&) = default;
};
[[nodiscard]] std::string describe(const Seen& seen);

// What is done with a daemon that serves, and may die meanwhile: every step may be repeated. A failure says what did not hold.
class Oracle {
 public:
  // Where a step may have failed, what is not done by then is asked for anew, by another command.
  enum class Failures { kNone, kMayBe };
  Oracle(const Stage& stage, const Operation& operation, CommandId id, std::optional<Told> acknowledged,
         Failures failures = Failures::kNone)
      : stage_(stage), operation_(operation), id_(id), acknowledged_(acknowledged), failures_(failures) {}

  // Asks again, waits until it is done, looks, and deletes the VM.
  [[nodiscard]] ctl::Answer<Seen> look(ctl::Session& session);

 private:
  [[nodiscard]] ctl::Answer<void> ask_again(ctl::Session& session);
  [[nodiscard]] ctl::Answer<void> settle(ctl::Session& session);
  [[nodiscard]] ctl::Answer<void> see_events(ctl::Session& session);
  [[nodiscard]] ctl::Answer<void> see_whole(ctl::Session& session) const;

  const Stage& stage_;
  const Operation& operation_;
  CommandId id_;
  std::optional<Told> acknowledged_;
  Failures failures_;
  CommandId removal_ = ctl::fresh_command_id();
  bool looked_ = false;  // the VM may be gone already
  Seen seen_;
};

}  // namespace banger::faults
