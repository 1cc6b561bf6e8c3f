#include "tests/bench/fleet_history.h"

namespace banger::bench {
namespace {

constexpr unsigned kSteps = 7;    // from one start to the next
constexpr unsigned kStarts = 14;  // of a VM before it is deleted
constexpr unsigned kDelete = 1 + kStarts * kSteps;
constexpr std::uint16_t kFirstPort = 21'000;

bool is_intent(const Event& event) {
  return kind_of(event) < VmStarted::kKind || std::holds_alternative<ExecStarted>(event);
}

}  // namespace

FleetHistory::FleetHistory(std::size_t vms) : lives_(vms) {}

EventRecord FleetHistory::next() {
  return advance(static_cast<std::uint16_t>(dice_.below(lives_.size())));
}

std::optional<EventRecord> FleetHistory::settle() {
  for (std::uint16_t place = 0; place < lives_.size(); ++place) {
    const unsigned step = lives_[place].step;
    const bool stopped = step > 0 && step <= kDelete && (step - 1) % kSteps == 0;
    const bool gone = step == 0 || step > kDelete + 1;
    if (!stopped && !gone) return advance(place);
  }
  return std::nullopt;
}

EventRecord FleetHistory::advance(std::uint16_t place) {
  Life& life = lives_[place];
  if (life.step > kDelete + 1) life = {};
  if (life.step == 0) life.id = VmId{dice_.next() | 1};
  Event event = event_of(life, place);
  const bool intent = is_intent(event);
  const CommandId command{dice_.next(), dice_.next()};
  ++last_;
  time_ns_ += 1'000'000 + static_cast<std::int64_t>(dice_.below(1'000'000));
  if (intent) {
    life.intent = last_;
    life.correlation = command;
  }
  ++life.step;
  return {{.sequence = last_,
           .stream = stream_of(life.id),
           .version = life.step,
           .command = command,
           .correlation = life.correlation,
           .causation = intent ? 0 : life.intent,
           .actor = intent ? Actor{1000, "alice", "bangerctl 0.1.0"} : Actor{0, "root", "driver"},
           .time_ns = time_ns_,
           .boot = BootId{1, 2}},
          std::move(event)};
}

Event FleetHistory::event_of(Life& life, std::uint16_t place) {
  if (life.step == 0) {
    return VmCreated{.name = "web-" + std::to_string(place) + "-" + life.id.hex().substr(0, 4),
                     .image = ImageId{0xbeef},
                     .image_name = "debian",
                     .settings = {.vcpus = 2, .memory_mib = 1024, .disk_mib = 8192},
                     .ssh_port = static_cast<std::uint16_t>(kFirstPort + place)};
  }
  if (life.step == kDelete) return VmDeleteRequested{true};
  if (life.step > kDelete) return VmDeleted{};
  switch ((life.step - 1) % kSteps) {
    case 0:
      return VmStartRequested{++life.incarnation, 60'000, 120'000};
    case 1:
      return VmStarted{life.incarnation, false};
    case 2:
      return VmReady{life.incarnation, 800 + dice_.below(1'000)};
    case 3:
      life.exec = ExecId{dice_.next() | 1};
      return ExecStarted{life.exec, life.incarnation, false, 30'000, {"cat", "/etc/hostname"}};
    case 4:
      return ExecFinished{life.exec, ExecOutcome::kExited, 0};
    case 5:
      return VmStopRequested{StopMode::kGraceful, 10'000, false};
    default:
      return VmStopped{life.incarnation, StoppedBy::kRequest};
  }
}

}  // namespace banger::bench
