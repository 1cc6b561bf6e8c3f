#include "cli/bangerctl/audit/narrate.h"

#include "tests/catch.h"

using namespace banger;
using namespace banger::ctl;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// A stream's events at these seconds, told.
struct Teller {
  Timeline timeline;
  std::string at(std::int64_t seconds, Event event) {
    EventRecord record;
    record.envelope.time_ns = (1'000'000 + seconds) * kSecond;
    record.event = std::move(event);
    return timeline.next(record).words;
  }
};

}  // namespace

TEST_CASE("lengths of time as people say them") {
  CHECK(span(0) == "0 ms");
  CHECK(span(850'000'000) == "850 ms");
  CHECK(span(4'120'000'000) == "4.1 s");
  CHECK(span(60 * kSecond) == "1 min");
  CHECK(span(125 * kSecond) == "2 min 5 s");
  CHECK(span((2 * 3600 + 3 * 60) * kSecond) == "2 h 3 min");
  CHECK(span((3 * 24 + 4) * 3600 * kSecond) == "3 d 4 h");
  CHECK(span(-1).empty());
}

TEST_CASE("a VM's life is told with how long each thing took") {
  Teller web;
  CHECK(web.at(0, VmCreated{"web", {}, "debian", {2, 1024, 8192}, 0, true}) ==
        "created from image debian: 2 CPUs, 1 GiB memory, 8 GiB disk; to be deleted after its "
        "command");
  CHECK(web.at(1, VmStartRequested{1, 0, 0}) == "start requested");
  CHECK(web.at(2, VmStarted{1, false}) == "running, up after 1.0 s");
  CHECK(web.at(6, VmReady{1, 4120}) == "ready after 4.1 s");
  CHECK(web.at(10, ExecStarted{ExecId{7}, 1, false, 0, {"sh", "-c", "echo it's", ""}}) ==
        "command started: sh -c 'echo it's' ''");
  CHECK(web.at(11, ExecStarted{ExecId{8}, 1, true, 0, {}}) == "a shell was opened");
  CHECK(web.at(13, ExecFinished{ExecId{7}, ExecOutcome::kExited, 3}) ==
        "command ended with 3, after 3.0 s");
  CHECK(web.at(7390, VmStopRequested{StopMode::kForced, 0, false}) == "stop requested, by force");
  CHECK(web.at(7391, ExecFinished{ExecId{8}, ExecOutcome::kLost, 0}) ==
        "command lost from sight, after 2 h 3 min");
  CHECK(web.at(7392, VmStopped{1, StoppedBy::kForce}) ==
        "stopped by force, took 2.0 s, ran 2 h 3 min");
  CHECK(web.at(7400, VmStartRequested{2, 0, 0}) == "start requested, the 2. time");
  CHECK(web.at(7401, VmStartFailed{2, StartStage::kDisk, "no room"}) ==
        "start failed at disk: no room, after 1.0 s");
  CHECK(web.at(7500, VmDeleteRequested{false}) == "deletion requested");
  CHECK(web.at(7501, VmDeleted{}) == "deleted, and proved gone, lived 2 h 5 min");
}

TEST_CASE(
    "a guest that powers itself off obeys nobody, and a clock that went back is not counted with") {
  Teller web;
  (void)web.at(0, VmStartRequested{1, 0, 0});
  (void)web.at(10, VmStarted{1, false});
  CHECK(web.at(30, VmStopped{1, StoppedBy::kGuest}) == "powered itself off, ran 20.0 s");
  (void)web.at(40, VmStartRequested{2, 0, 0});
  CHECK(web.at(20, VmStarted{2, true}) == "found running, and adopted");
  CHECK(web.at(10, VmDied{2, "signal 9"}) == "died: signal 9");
}

TEST_CASE("a correction says what was seen, what was done and why") {
  const Told told = tell(DriftCorrected{ResourceClass::kVmm, Condition::kStale, "vm-a1",
                                        CorrectiveAction::kKilled, "of an earlier start"});
  CHECK(told.role == Role::kCorrection);
  CHECK(told.words == "stale vmm vm-a1 killed: of an earlier start");
}

TEST_CASE(
    "why a VM is as it is begins with what changed its state, not with what merely happened to "
    "it") {
  CHECK(settles_state(VmStarted{}));
  CHECK(settles_state(VmDeleted{}));
  CHECK(settles_state(VmReadyMissed{}));
  CHECK_FALSE(settles_state(ExecFinished{}));
  CHECK_FALSE(settles_state(DriftCorrected{}));
  CHECK_FALSE(settles_state(VmChanged{}));
}
