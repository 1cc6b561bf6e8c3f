// Given(events) / When(command) / Then(events or refusal) for the pure core, and fleets of every
// state to start from. Deterministic: time and ids are counted.
#pragma once

#include <string>

#include "engine/decide.h"
#include "engine/evolve.h"
#include "tests/catch.h"

namespace banger::test {

inline constexpr VmId kWeb{0xaaaa000000000001};
inline constexpr ImageId kTiny{0x1111000000000001};
inline constexpr std::uint16_t kWebSsh = 21000;
inline constexpr std::uint16_t kWebPort = 21001;
inline constexpr BootId kBoot{1, 1};
inline constexpr HostLimits kLimits{.max_vcpus = 8,
                                    .max_memory_mib = 16384,
                                    .max_disk_mib = 65536,
                                    .first_port = 21000,
                                    .last_port = 21009,
                                    .subnet = Subnet{{0xac10'0001}, 29}};
inline constexpr std::int64_t kSecond = 1'000'000'000;

inline VmSettings settings() {
  return {.vcpus = 1, .memory_mib = 256, .disk_mib = 1024};
}

// "vm_started,vm_ready", "-" for nothing, "!wrong_state" for a refusal.
inline std::string told(const std::expected<Decision, Rejection>& decided) {
  if (!decided) return "!" + std::string(name_of(decided.error().kind));
  std::string text;
  for (const NewEvent& each : decided->events) {
    text += (text.empty() ? "" : ",") + std::string(name_of(each.event));
  }
  return text.empty() ? "-" : text;
}

struct World {
  Fleet fleet;
  HostLimits limits = kLimits;
  std::vector<EventRecord> log;
  std::int64_t now_ns = 1000 * kSecond;
  std::uint64_t commands = 0;
  std::uint64_t random = 0;

  World& given(StreamId stream, Event event, CommandId correlation = {9, 9}) {
    now_ns += kSecond;
    Envelope envelope{.sequence = fleet.last + 1,
                      .stream = stream,
                      .version = fleet.version_of(stream) + 1,
                      .command = {1, commands},
                      .correlation = correlation,
                      .actor = {1000, "ann", "bangerctl"},
                      .time_ns = now_ns,
                      .boot = kBoot};
    log.push_back({envelope, std::move(event)});
    evolve(fleet, log.back());
    return *this;
  }
  World& given(Event event) { return given(stream_of(kWeb), std::move(event)); }

  Command command(Ask ask) {
    ++commands;
    return {.id = {1, commands},
            .actor = {1000, "ann", "bangerctl"},
            .time_ns = now_ns,
            .fresh_id = 0xf000000000000000 + commands,
            .random = random,
            .ask = std::move(ask)};
  }
  // Decides and changes nothing.
  [[nodiscard]] std::expected<Decision, Rejection> when(Ask ask) {
    return decide(fleet, limits, command(std::move(ask)));
  }
  // Decides, and folds what was decided.
  std::expected<Decision, Rejection> doing(Ask ask) {
    auto decided = when(std::move(ask));
    if (!decided) return decided;
    for (const NewEvent& each : decided->events) {
      CommandId id{1, commands};
      given(each.stream, each.event, each.correlation ? each.correlation : id);
    }
    return decided;
  }

  [[nodiscard]] const VmRuntime& web() const { return fleet.vms.at(kWeb); }
};

inline World host_with_image() {
  World world;
  world.given(kHostStream, HostBooted{kBoot, "6.1"});
  world.given(stream_of(kTiny), ImageRequested{"tiny", ImageSource::kRecipe, "tiny", ""});
  world.given(stream_of(kTiny), ImageReady{{}, 64 << 20, 40 << 20});
  return world;
}

// VM "web" with one published port of banger's choice, in that state, at incarnation 1 once it was
// started.
inline World web_in(VmState state, bool remove_after_exec = false) {
  World world = host_with_image();
  VmSettings its = settings();
  its.ports = {{"127.0.0.1", kWebPort, 80, Protocol::kTcp, true}};
  world.given(VmCreated{"web", kTiny, "tiny", its, kWebSsh, remove_after_exec});
  if (state == VmState::kCreated) return world;
  if (state == VmState::kDeleting) return world.given(VmDeleteRequested{true});
  world.given(VmStartRequested{1, 60'000, 120'000});
  if (state == VmState::kStarting) return world;
  world.given(VmStarted{1, false});
  if (state == VmState::kRunning) return world;
  if (state == VmState::kError) return world.given(VmDied{1, "gone"});
  world.given(VmStopRequested{StopMode::kGraceful, 1000, false});
  if (state == VmState::kStopping) return world;
  return world.given(VmStopped{1, StoppedBy::kRequest});
}

inline constexpr VmState kStates[] = {VmState::kCreated,  VmState::kStarting, VmState::kRunning,
                                      VmState::kStopping, VmState::kStopped,  VmState::kError,
                                      VmState::kDeleting};

}  // namespace banger::test
