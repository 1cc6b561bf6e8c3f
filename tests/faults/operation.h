// What clients ask of a daemon while it is killed or its calls fail: one request each, with a command id that is theirs to repeat,
// and what must have come of it.
#pragma once

#include "cli/bangerctl/vm_watch.h"
#include "tests/faults/stage.h"

namespace banger::faults {

// Where in the log what a request led to begins and ends; zeros where the answer does not say that again.
struct Told {
  std::uint64_t subject = 0;
  Sequence first = 0;
  Sequence last = 0;

  friend bool operator==(const Told&, const Told&) = default;
};

struct Operation {
  const char* name;
  Prepared from;
  std::size_t vmms;  // when it is done
  ctl::Answer<Told> (*ask)(ctl::Session& session, const CommandId& id);
  ctl::Verdict done;
};

[[nodiscard]] const std::vector<Operation>& operations();  // create, start, exec, stop, delete
[[nodiscard]] const Operation& removal();                  // the last of them

// A connection that starts no daemon.
[[nodiscard]] std::unique_ptr<ctl::Session> connect(const Stage& stage);
// Waits until it is done, for at most a minute.
[[nodiscard]] ctl::Answer<void> await(ctl::Session& session, const ctl::Verdict& done);

}  // namespace banger::faults
