// A random but mostly lawful past of a few VMs that share few names, with some streams parked, a
// clock that is now and then set back, and every event stored in a real log as the runtime stores
// them, over a restart or two.
#pragma once

#include "cli/bangerd/adapters.h"
#include "engine/evolve.h"
#include "engine/runtime/store.h"
#include "projections/replay.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/support/random.h"

namespace banger::test {

// What happens next to whom, as chance has it.
class RandomPast {
 public:
  explicit RandomPast(std::uint64_t seed) : dice_(seed) {}

  EventRecord next() {
    const std::string name = "vm-" + std::to_string(dice_.below(5));
    const auto named = fleet_.vm_names.find(name);
    if (dice_.chance(1))
      return add(image(), dice_.chance(50) ? Event(ImageReady{}) : ImageFailed{"no"});
    if (dice_.below(2'000) == 0)
      return add(stream_of(VmId{dice_.next()}), VmCreated{name, {}, "tiny", {1, 64, 64}});
    if (named == fleet_.vm_names.end()) {
      return add(stream_of(VmId{dice_.next()}), VmCreated{name, {}, "tiny", {1, 64, 64}});
    }
    const VmRuntime& vm = fleet_.vms.at(named->second);
    const bool deleting = vm.state == VmState::kDeleting;
    if (!deleting && dice_.below(3'000) == 0)
      return add(stream_of(vm.id), VmStarted{9999, false});  // parks it
    return add(stream_of(vm.id), lawful(vm));
  }

 private:
  StreamId image() {
    if (images_++ % 50 == 0) image_ = ImageId{dice_.next()};
    return stream_of(image_);
  }

  Event lawful(const VmRuntime& vm) {
    switch (vm.state) {
      case VmState::kCreated:
      case VmState::kStopped:
      case VmState::kError:
        if (dice_.below(150) == 0) return VmDeleteRequested{false};
        if (dice_.chance(10))
          return VmChanged{{static_cast<std::uint32_t>(1 + dice_.below(8)), 128, 64}};
        return VmStartRequested{vm.incarnation + 1, 1000, 2000};
      case VmState::kStarting:
        return dice_.chance(90) ? Event(VmStarted{vm.incarnation, false})
                                : VmStartFailed{vm.incarnation, StartStage::kDisk, "no room"};
      case VmState::kRunning:
        if (!vm.execs.empty()) return ExecFinished{vm.execs.front().id, ExecOutcome::kExited, 0};
        if (dice_.chance(30)) return VmReady{vm.incarnation, dice_.below(5000)};
        if (dice_.chance(50))
          return ExecStarted{ExecId{dice_.next()}, vm.incarnation, false, 0, {"true"}};
        return dice_.chance(70) ? Event(VmStopRequested{}) : VmDied{vm.incarnation, "killed"};
      case VmState::kStopping:
        return VmStopped{vm.incarnation, StoppedBy::kRequest};
      case VmState::kDeleting:
        return VmDeleted{};
    }
    return DaemonStopped{};
  }

  EventRecord add(StreamId stream, Event event) {
    if (stream == stream_of(image_) && versions_[stream] == 0)
      event = ImageRequested{"tiny-" + image_.hex()};
    now_ns_ += static_cast<std::int64_t>(dice_.below(2'000'000'000));
    if (dice_.below(1'500) == 0) now_ns_ -= 3'600'000'000'000;
    if (dice_.below(1'500) == 0) now_ns_ += 7'200'000'000'000;
    const CommandId command{2, dice_.below(400) + 1};
    EventRecord record{{.sequence = ++last_,
                        .stream = stream,
                        .version = ++versions_[stream],
                        .command = {1, last_},
                        .correlation = command,
                        .causation = last_ > 1 ? dice_.below(last_) : 0,
                        .actor = {1000, dice_.chance(50) ? "ann" : "bob",
                                  dice_.chance(80) ? "bangerctl 1" : "reconciler"},
                        .time_ns = now_ns_,
                        .boot = {1, 1}},
                       std::move(event)};
    evolve(fleet_, record);
    return record;
  }

  Dice dice_;
  Fleet fleet_;
  std::map<StreamId, StreamVersion> versions_;
  ImageId image_{1};
  std::uint64_t images_ = 0;
  Sequence last_ = 0;
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
};

// The events, and the log that they are in, open for reading.
struct StoredPast {
  TempDir dir;
  std::vector<EventRecord> records;
  std::unique_ptr<log::EventLog> log;

  // `parts`: how often the log is opened to write a part of them.
  StoredPast(std::uint64_t seed, std::size_t count, std::size_t parts) {
    RandomPast past(seed);
    for (std::size_t i = 0; i < count; ++i) records.push_back(past.next());
    for (std::size_t part = 0; part < parts; ++part)
      write(count * part / parts, count * (part + 1) / parts);
    open();
  }

  [[nodiscard]] Sequence head() const { return records.size(); }

 private:
  void open() {
    auto opened = log::EventLog::open({.paths = {dir / "log", dir / "anchor"}});
    REQUIRE(opened);
    log = *std::move(opened);
  }
  void write(std::size_t from, std::size_t to) {
    open();
    bangerd::SystemClock clock;
    bangerd::StoredLog port(*log, clock);
    bangerd::SystemEntropy entropy;
    auto store = load_store(port);
    REQUIRE(store);
    REQUIRE(store->fleet.last == from);
    for (std::size_t i = from; i < to;) {
      const std::size_t end = std::min(to, i + 1 + i % 7);
      auto request = fold_and_encode(*store, port,
                                     {records.begin() + static_cast<std::ptrdiff_t>(i),
                                      records.begin() + static_cast<std::ptrdiff_t>(end)},
                                     entropy);
      REQUIRE(log->append(std::move(request)) != 0);
      i = end;
    }
    REQUIRE(log->shutdown());
    log.reset();
  }
};

}  // namespace banger::test
