// The simulated host under a history: plan against it says, step by step, what the daemon would have done.
#include "engine/simulate/simulated_host.h"

#include "tests/engine/given.h"

namespace banger::test {
namespace {

struct Replayed {
  World world;
  SimulatedHost host;

  std::string plans(StreamId stream, Event event) {
    world.given(stream, std::move(event));
    host.apply(world.fleet, world.log.back());
    std::string names;
    for (const Effect& effect : host.plan(world.fleet)) {
      names += (names.empty() ? "" : ",") + std::string(name_of(effect));
    }
    return names.empty() ? "-" : names;
  }
  std::string plans(Event event) { return plans(stream_of(kWeb), std::move(event)); }
  [[nodiscard]] std::size_t vmms() const {
    const auto found = host.observation().vmms.find(kWeb);
    return found == host.observation().vmms.end() ? 0 : found->second.size();
  }
};

const VmCreated kCreated{"web", kTiny, "tiny", settings(), kWebSsh, false};

TEST_CASE("a life without surprises: each intent begins its effect, each outcome ends it") {
  Replayed r;
  CHECK(r.plans(kHostStream, HostBooted{kBoot, "6.1"}) == "-");
  CHECK(r.plans(stream_of(kTiny), ImageRequested{"tiny", ImageSource::kRecipe, "tiny", ""}) == "build_image");
  CHECK(r.plans(stream_of(kTiny), ImageReady{{}, 1, 1}) == "-");
  CHECK(r.plans(kCreated) == "-");
  CHECK(r.plans(VmStartRequested{1, 60'000, 120'000}) == "spawn_vmm");
  CHECK(r.plans(VmChanged{settings()}) == "-");  // the start is under way
  CHECK(r.plans(VmStarted{1, false}) == "await_guest");
  CHECK(r.vmms() == 1);
  CHECK(r.plans(VmReady{1, 800}) == "-");
  CHECK(r.plans(VmStopRequested{StopMode::kGraceful, 1000, false}) == "stop_vmm");
  CHECK(r.plans(VmStopped{1, StoppedBy::kRequest}) == "-");
  CHECK(r.vmms() == 0);
  CHECK(r.plans(VmDeleteRequested{false}) == "tear_down_vm");
  CHECK(r.host.observation().vm_directories.contains(kWeb));
  CHECK(r.plans(VmDeleted{}) == "-");
  CHECK(r.host.observation().vm_directories.empty());
}

TEST_CASE("an intent that is overtaken has its effect cancelled, and the next one begun") {
  Replayed r;
  r.plans(kCreated);
  CHECK(r.plans(VmStartRequested{1, 60'000, 120'000}) == "spawn_vmm");
  CHECK(r.plans(VmDeleteRequested{true}) == "cancel_effects");
  CHECK(r.plans(VmTearDownStalled{"busy"}) == "tear_down_vm");
}

TEST_CASE("a daemon that starts anew has nothing under way, and a boot leaves no process") {
  Replayed r;
  r.plans(kHostStream, HostBooted{kBoot, "6.1"});
  r.plans(kCreated);
  CHECK(r.plans(VmStartRequested{1, 60'000, 120'000}) == "spawn_vmm");
  CHECK(r.plans(kHostStream, DaemonStarted{"0.1.0"}) == "spawn_vmm");
  r.plans(VmStarted{1, true});
  CHECK(r.plans(kHostStream, HostBooted{{2, 2}, "6.1"}) == "settle");  // it runs, and nothing of it is there
  CHECK(r.plans(VmHostRebooted{1}) == "-");
  CHECK(r.vmms() == 0);
}

TEST_CASE("an event that does not fit parks its stream, and nothing is planned for it any more") {
  Replayed r;
  r.plans(kCreated);
  CHECK(r.plans(VmStarted{7, false}) == "-");
  CHECK(r.world.fleet.parked.size() == 1);
  CHECK(r.vmms() == 0);
}

TEST_CASE("an image that failed or was deleted has no effect under way, and leaves no directory") {
  Replayed r;
  const ImageRequested asked{"tiny", ImageSource::kRecipe, "tiny", ""};
  const StreamId tiny = stream_of(kTiny);
  CHECK(r.plans(tiny, asked) == "build_image");
  CHECK(r.plans(tiny, ImageFailed{"no network"}) == "-");
  CHECK(r.plans(tiny, ImageDeleteRequested{}) == "remove_image");
  CHECK(r.plans(tiny, ImageDeleted{}) == "-");
  const StreamId other = stream_of(ImageId{7});
  CHECK(r.plans(other, asked) == "build_image");
  CHECK(r.plans(other, ImageReady{{}, 1, 1}) == "-");
  CHECK(r.host.observation().image_directories == std::set<ImageId>{ImageId{7}});
  CHECK(r.plans(other, ImageDeleteRequested{}) == "remove_image");
  CHECK(r.plans(other, ImageDeleted{}) == "-");
  CHECK(r.host.observation().image_directories.empty());
}

TEST_CASE("a start that is told of twice started one process") {
  Replayed r;
  r.plans(kCreated);
  r.plans(VmStartRequested{1, 60'000, 120'000});
  r.plans(VmStarted{1, false});
  r.host.apply(r.world.fleet, r.world.log.back());
  CHECK(r.vmms() == 1);
}

}  // namespace
}  // namespace banger::test
