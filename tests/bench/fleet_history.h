// A made-up but lawful past of a fleet: VMs that are created, started, used, stopped and started
// again until they are deleted and others take their place. Seeded: the same events on every
// machine.
#pragma once

#include <optional>
#include <vector>

#include "events/envelope.h"
#include "tests/support/random.h"

namespace banger::bench {

class FleetHistory {
 public:
  explicit FleetHistory(std::size_t vms);
  // The next event of a VM that chance picks; each has a command of its own.
  [[nodiscard]] EventRecord next();
  // What still has to happen until every VM is stopped or deleted, one event at a time; nothing
  // once it is so. A daemon that starts on such a past has nothing to do.
  [[nodiscard]] std::optional<EventRecord> settle();

 private:
  struct Life {
    VmId id;
    unsigned step = 0;  // 0: nothing of it has happened
    std::uint32_t incarnation = 0;
    ExecId exec;
    Sequence intent = 0;
    CommandId correlation;
  };
  [[nodiscard]] EventRecord advance(std::uint16_t place);
  [[nodiscard]] Event event_of(Life& life, std::uint16_t place);

  test::Dice dice_{7};
  std::vector<Life> lives_;
  Sequence last_ = 0;
  std::int64_t time_ns_ = 1'700'000'000'000'000'000;
};

}  // namespace banger::bench
