#include "engine/evolve.h"

#include "tests/engine/random_history.h"

namespace banger {
namespace {

using namespace test;

// What must be so of any fleet that was never parked.
void check_sound(const Fleet& fleet) {
  Fleet again = fleet;
  rebuild_indexes(again);
  CHECK(again.vm_names == fleet.vm_names);
  CHECK(again.image_names == fleet.image_names);
  CHECK(again.host_ports == fleet.host_ports);
  for (const auto& [id, vm] : fleet.vms) {
    CHECK(fleet.images.contains(vm.image));
    CHECK((vm.state == VmState::kRunning || !vm.ready));
    CHECK(vm.fence <= vm.last_sequence);
  }
}

TEST_CASE("whatever decide accepts can be folded: no stream ever parks") {
  std::size_t events = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    World world = random_history(seed, 200);
    CAPTURE(seed);
    for (const auto& [stream, parked] : world.fleet.parked) FAIL(parked.reason);
    check_sound(world.fleet);
    events += world.log.size();
  }
  CHECK(events > 10'000);  // or the histories were too dull to show anything
}

TEST_CASE("every kind of VM, image and host event comes up in those histories") {
  std::set<std::string_view> seen;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    for (const EventRecord& record : random_history(seed, 200).log)
      seen.insert(name_of(record.event));
  }
  CHECK(seen.size() >= kEventKinds - 1);  // all but daemon_stopped
}

TEST_CASE(
    "any events in any order fold without a crash, and what does not fit parks its stream only") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Dice dice(seed);
    World world = host_with_image();
    for (int i = 0; i < 300; ++i) {
      StreamId stream{static_cast<StreamKind>(dice.below(5)), dice.below(4)};
      Event event = random_event(dice, dice.below(kEventKinds));
      auto parked = world.fleet.parked;
      world.given(stream, event);
      CHECK(world.fleet.last == world.log.back().envelope.sequence);
      parked.erase(stream);
      auto others = world.fleet.parked;
      others.erase(stream);
      CHECK(others == parked);
    }
    CHECK_FALSE(world.fleet.parked.empty());
  }
}

TEST_CASE("a parked stream stands still, and says at which event and why") {
  World world = web_in(VmState::kStopped);
  VmRuntime before = world.web();
  world.given(VmReady{1, 5});
  const Parked& parked = world.fleet.parked.at(stream_of(kWeb));
  CHECK(parked.sequence == world.fleet.last);
  CHECK(parked.reason == "vm_ready does not fit: the VM is stopped");
  world.given(VmStartRequested{2, 1, 1});
  CHECK(world.web() == before);
  CHECK(world.fleet.parked.at(stream_of(kWeb)) == parked);
}

TEST_CASE("an event whose version does not follow parks its stream") {
  World world = web_in(VmState::kStopped);
  EventRecord record = world.log.back();
  record.envelope.sequence = world.fleet.last + 1;
  SECTION("again") {}
  SECTION("a gap") {
    record.envelope.version += 2;
  }
  evolve(world.fleet, record);
  CHECK(world.fleet.parked.contains(stream_of(kWeb)));
}

TEST_CASE("an event of another incarnation does not fit") {
  for (Event event :
       std::initializer_list<Event>{VmReady{2, 1}, VmReadyMissed{2, 1}, VmStopped{2}, VmDied{0, ""},
                                    VmHostRebooted{2}, ExecStarted{ExecId{1}, 2}}) {
    World world = web_in(VmState::kRunning);
    world.given(event);
    CHECK(world.fleet.parked.contains(stream_of(kWeb)));
  }
}

// Why the stream stands still after this event.
std::string misfit_of(World world, StreamId stream, Event event) {
  world.given(stream, std::move(event));
  const auto parked = world.fleet.parked.find(stream);
  return parked == world.fleet.parked.end() ? "it fits" : parked->second.reason;
}

TEST_CASE("an intent that cannot follow does not fit") {
  const StreamId web = stream_of(kWeb);
  CHECK(misfit_of(web_in(VmState::kRunning), web, VmStartRequested{2, 1, 1}) ==
        "vm_start_requested does not fit: the VM is running");
  CHECK(misfit_of(web_in(VmState::kStopped), web, VmStartRequested{3, 1, 1}) ==
        "vm_start_requested does not fit: its incarnation is not the next one");
  CHECK(misfit_of(web_in(VmState::kStopped), web, VmStartRequested{2, 1, 1}) == "it fits");
  CHECK(misfit_of(web_in(VmState::kStopped), web, VmStopRequested{StopMode::kForced, 1, false}) ==
        "vm_stop_requested does not fit: the VM is stopped");
  CHECK(misfit_of(web_in(VmState::kDeleting), web, VmDeleteRequested{true}) ==
        "vm_delete_requested does not fit: the VM is being deleted already");
  CHECK(misfit_of(web_in(VmState::kStopped), stream_of(kTiny), ImageDeleted{}) ==
        "image_deleted does not fit: nobody asked for it");
  CHECK(misfit_of(web_in(VmState::kStopped), stream_of(kTiny), ImageReady{}) ==
        "image_ready does not fit: it was not being made");
}

TEST_CASE("an image that exists, by its id or by its name, is not requested again") {
  const World world = host_with_image();
  const std::string why = "image_requested does not fit: the image exists already";
  CHECK(misfit_of(world, stream_of(kTiny), ImageRequested{"other", ImageSource::kRecipe, "tiny", ""}) == why);
  CHECK(misfit_of(world, stream_of(ImageId{7}), ImageRequested{"tiny", ImageSource::kRecipe, "tiny", ""}) == why);
  CHECK(misfit_of(world, stream_of(ImageId{7}), ImageRequested{"other", ImageSource::kRecipe, "tiny", ""}) == "it fits");
}

TEST_CASE("a port that is another VM's by now stays that one's when its former VM is deleted") {
  World world = web_in(VmState::kStopped);
  const VmId other{0xbbbb000000000001};
  world.given(stream_of(other), VmCreated{"other", kTiny, "tiny", settings(), kWebSsh, false});
  world.doing(DeleteVm{"web"});
  world.doing(ReportTornDown{kWeb, world.web().fence});
  CHECK_FALSE(world.fleet.vms.contains(kWeb));
  CHECK(world.fleet.host_ports == decltype(world.fleet.host_ports){{kWebSsh, other}});
}

}  // namespace
}  // namespace banger
