// The step from version 1 to 2: every end of a VMM that version 1's drivers had words for.
#include "events/upcast.h"

#include "tests/catch.h"

namespace banger {
namespace {

TEST_CASE("the cause of a death is read out of what version 1 said about it") {
  struct Row {
    const char* reason;
    DeathCause cause;
    std::uint32_t code;
  };
  for (const Row& row : {Row{"the VMM was killed by signal 9 (Killed)", DeathCause::kSignalled, 9},
                         Row{"the VMM exited with code 1: qemu: could not open disk", DeathCause::kExited, 1},
                         Row{"the VMM exited with code 3: init killed by signal 9", DeathCause::kExited, 3},
                         Row{"the guest panicked", DeathCause::kGuestPanic, 0},
                         Row{"the VMM was told to end (host-qmp-quit)", DeathCause::kToldToEnd, 0},
                         Row{"the VMM is gone: no process of it was found", DeathCause::kUnknown, 0},
                         Row{"killed by signal of no number", DeathCause::kUnknown, 0},
                         Row{"", DeathCause::kUnknown, 0}}) {
    CAPTURE(row.reason);
    Event event = VmDied{4, row.reason};
    upcast(event, 1);
    CHECK(event == Event(VmDied{4, row.reason, row.cause, row.code}));
    Event today = VmDied{4, row.reason, DeathCause::kUnknown, 7};
    const Event before = today;
    upcast(today, 2);
    CHECK(today == before);  // what version 2 says is not guessed at
  }
  Event other = VmStarted{1, true};
  upcast(other, 1);
  CHECK(other == Event(VmStarted{1, true}));
}

}  // namespace
}  // namespace banger
