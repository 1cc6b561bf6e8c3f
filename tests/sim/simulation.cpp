#include "tests/sim/simulation.h"

#include <memory>

#include "engine/runtime/load_interned.h"
#include "tests/sim/oracles.h"

namespace banger::sim {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kSettleUs = 300 * kSecond;  // longer than every deadline in a row
constexpr std::uint64_t kMostSteps = 200'000;       // a run that takes more turns in a circle

class ChanceOfDice : public Entropy {
 public:
  explicit ChanceOfDice(test::Dice& dice) : dice_(dice) {}
  [[nodiscard]] std::uint64_t next() override { return dice_.next(); }

 private:
  test::Dice& dice_;
};

// The way to the hands, on which an oracle stands.
class Gate : public EffectRunner {
 public:
  Gate(Hands& hands, const Oracles& oracles) : hands_(hands), oracles_(oracles) {}
  void begin(const Effect& effect, std::function<void(EffectEnd)> done) override {
    oracles_.begins(effect);
    hands_.begin(effect, std::move(done));
  }
  void cancel(StreamId subject, Sequence fence) override { hands_.cancel(subject, fence); }

 private:
  Hands& hands_;
  const Oracles& oracles_;
};

class Simulation {
 public:
  Simulation(const Scenario& scenario, bool trace)
      : scheduler_(scenario.seed), sweep_(scenario.sweep), log_faults_(scenario.log), host_faults_(scenario.host), oracles_(disk_, host_),
        entropy_(scheduler_.dice()), tracing_(trace) {
    for (const Action& action : scenario.actions) {
      scheduler_.in_world(action.at_us, [this, &action] { act(action); });
    }
    last_us_ = scheduler_.now_us() + (scenario.actions.empty() ? 0 : scenario.actions.back().at_us) + kSecond;
  }

  Verdict run() {
    try {
      strangers();
      start_daemon();
      run_until(last_us_);
      log_faults_ = {.slow_percent = 0, .kept_percent = log_faults_.kept_percent};
      host_faults_ = {};
      host_.busy_ports.clear();
      run_until(last_us_ + kSettleUs);
      must(runtime_ != nullptr, "there is no daemon at the end");
      check_settled();
      kill_daemon();
      start_daemon();  // what is on the disk is all that is needed
      run_until(last_us_ + 2 * kSettleUs);
      check_settled();
    } catch (const Failure& failure) {
      verdict_.failure = failure.what();
      say("FAILURE: " + verdict_.failure);
    }
    verdict_.digest = oracles_.digest() ^ scheduler_.dice().next();
    verdict_.events = disk_.head();
    verdict_.lives = scheduler_.life();
    return std::move(verdict_);
  }

 private:
  void run_until(std::uint64_t until_us) {
    while (scheduler_.step(until_us)) must(++verdict_.steps < kMostSteps, "it does not come to an end");
  }

  void check_settled() {
    oracles_.settled(*runtime_, sweep_, leftovers_);
    const Plan left = plan(runtime_->fleet(), look_at(host_, scheduler_.life()), runtime_->plan_context());
    for (const Effect& effect : left.effects) {
      // What nobody owns was told of, and stays.
      const auto* settle = std::get_if<Settle>(&effect);
      must(settle != nullptr, std::string(name_of(effect)) + " is still wanted at the end");
    }
  }

  void strangers() {
    host_.strangers_come_and_go();
    scheduler_.in_world(scheduler_.dice().below(kSecond), [this] { strangers(); });
  }

  void say(const std::string& what) {
    if (tracing_) verdict_.trace.push_back(std::to_string(scheduler_.now_us() / 1000) + " ms: " + what);
  }

  // ---- the daemon ----

  void start_daemon() {
    scheduler_.begin_life();
    say("daemon " + std::to_string(scheduler_.life()) + " starts");
    log_ = std::make_unique<SimLog>(
        scheduler_, disk_, log_faults_, [this] { synced(); },
        [this](log::Durable durable) { runtime_->on_durable(durable); });
    oracles_.opened();
    auto store = load_store(*log_);
    must(store.has_value(), "the store does not load");
    hands_ = std::make_unique<Hands>(scheduler_, host_, host_faults_, [this](Ask outcome) { runtime_->notice(std::move(outcome)); });
    gate_ = std::make_unique<Gate>(*hands_, oracles_);
    RuntimeOptions options{.limits = {},
                           .self = {0, "root", ""},
                           .boot = host_.boot(),
                           .kernel_release = "6.1",
                           .version = "sim",
                           .tick_ms = 5'000,
                           .sweep = sweep_};
    options.limits = {.max_vcpus = 8,
                      .max_memory_mib = 16'384,
                      .max_disk_mib = 65'536,
                      .first_port = 21'000,
                      .last_port = 21'015,
                      .subnet = Subnet{{0xac10'0001}, 29},
                      .start_timeout_ms = 20'000,
                      .ready_timeout_ms = 30'000};
    runtime_ = std::make_unique<Runtime>(Ports{scheduler_, entropy_, scheduler_, *log_, *hands_, *gate_}, options,
                                         *std::move(store));
    hands_->set_fleet(&runtime_->fleet());
    runtime_->start();
    // Clients that were never answered ask again: by its id they learn what became of a request.
    for (const Request& call : calls_) {
      if (answered_.contains(call.id) || scheduler_.dice().chance(20)) continue;
      scheduler_.in(scheduler_.dice().below(2 * kSecond), [this, &call] { send(call); });
    }
  }

  void kill_daemon() {
    if (!runtime_) return;
    say("the daemon is killed");
    log_->kill();
    end_life();
  }

  void end_life() {
    scheduler_.begin_life();
    runtime_.reset();
    gate_.reset();
    hands_.reset();
    log_.reset();
  }

  void start_daemon_in(std::uint64_t delay_us) {
    if (std::exchange(coming_, true)) return;
    scheduler_.in_world(delay_us, [this] {
      coming_ = false;
      if (!runtime_) start_daemon();
    });
  }

  void synced() {
    const Sequence before = oracles_.fleet().last;
    oracles_.synced();
    if (tracing_ && disk_.head() > before) {
      for (Sequence at = before + 1; at <= disk_.head(); ++at) say("event " + std::to_string(at) + kind_at(at));
    }
  }

  std::string kind_at(Sequence sequence) const {
    std::string kind;
    disk_.read(sequence, [&](const log::Frame& frame) {
      const auto interned = load_interned(disk_);
      const auto record = read_stored(frame.sequence, frame.public_bytes, frame.personal_bytes(), *interned);
      if (const auto* event = std::get_if<EventRecord>(&*record)) {
        kind = " " + std::string(name_of(event->event)) + " of " + to_hex(event->envelope.stream.id);
      }
      return false;
    });
    return kind;
  }

  // ---- people, and the world ----

  void act(const Action& action) {
    say(describe(action));
    switch (action.deed) {
      case Deed::kAsk: return send(ask(action));
      case Deed::kAskAgain:
        if (!calls_.empty()) send(calls_[action.number % calls_.size()]);
        return;
      case Deed::kAskOther: return ask_other(action);
      case Deed::kKillDaemon: kill_daemon(); return start_daemon_in(action.number % (3 * kSecond));
      case Deed::kStopDaemon: return stop_daemon(action.number % (3 * kSecond));
      case Deed::kReboot:
        kill_daemon();
        host_.reboot();
        for (auto& [vm, things] : leftovers_) things = {.directory = things.directory};
        return start_daemon_in(kSecond + action.number % (5 * kSecond));
      case Deed::kEndVmm: return end_vmm(action.number, std::nullopt);
      case Deed::kPowerOff: return end_vmm(action.number, StoppedBy::kGuest);
      case Deed::kStray: return stray(action.number);
      case Deed::kTakeTap:
        for (auto& [vm, things] : host_.things) things.tap = false;
        return;
      case Deed::kDamageRules:
        if (action.number % 2 == 0) host_.bridge.reset();
        else if (host_.bridge) host_.bridge = Bridge{};
        return;
      case Deed::kFreePorts: return host_.busy_ports.clear();
      case Deed::kLeftover: return leave_something(action.number);
      case Deed::kSetClock: {
        constexpr std::int64_t kTenYears = std::int64_t{315'360'000} * 1'000'000'000;
        return scheduler_.set_clock((static_cast<std::int64_t>(action.number % 3) - 1) * kTenYears);
      }
    }
  }

  const Request& ask(const Action& action) {
    const std::uint64_t id = calls_.size() + 1;
    calls_.push_back({{0xc11e, id}, Digest{static_cast<std::uint8_t>(id)}, {1000, "ann", "sim"}, action.ask});
    return calls_.back();
  }

  // The same id for another request is a conflict where the first was taken.
  void ask_other(const Action& action) {
    if (calls_.empty() || !runtime_) return;
    const Request& first = calls_[action.number % calls_.size()];
    if (!disk_.commands.contains(first.id)) return;
    Request other{first.id, Digest{0xff}, first.actor, action.ask};
    runtime_->submit(other, [](const Answer& answer) {
      must(!answer && answer.error().kind == Refusal::kConflict, "a used command id was taken for another request");
    });
  }

  void send(const Request& request) {
    if (!runtime_) return;  // nobody listens; a client may ask again
    runtime_->submit(request, [this, request](const Answer& answer) {
      answered_.insert(request.id);
      oracles_.answered(request, answer);
      if (answer && std::holds_alternative<StartExec>(request.ask)) hold_exec(*answer);
    });
  }

  // The client that runs it tells of its end, or is gone.
  void hold_exec(const Accepted& accepted) {
    const VmId id{accepted.subject.id};
    const VmRuntime* vm = runtime_->fleet().vm(id);
    if (!vm) return;
    for (const OpenExec& exec : vm->execs) {
      if (exec.started != accepted.first) continue;
      runtime_->hold_exec(id, exec.id);
      const bool tells = scheduler_.dice().chance(60);
      scheduler_.in(scheduler_.dice().below(5 * kSecond), [this, id, exec = exec.id, tells] {
        if (!tells) return runtime_->release_exec(id, exec);
        calls_.push_back({{0xe4ec, calls_.size()}, {}, {1000, "ann", "sim"}, FinishExec{id, exec, ExecOutcome::kExited, 0}});
        send(calls_.back());
      });
    }
  }

  // As after a restore from an older backup: the host has it, the log does not.
  void leave_something(std::uint64_t number) {
    const VmId vm{0xdead'0000'0000'0000 + number % 3};
    leftovers_[vm] = {.directory = true, .loop = number % 2 == 0, .device = number % 5 == 0, .tap = false};
    host_.things[vm] = leftovers_[vm];
  }

  void stop_daemon(std::uint64_t delay_us) {
    if (!runtime_ || stopping_life_ == scheduler_.life()) return;
    stopping_life_ = scheduler_.life();
    runtime_->stop([this, life = scheduler_.life(), delay_us] {
      // Not from within: the runtime is on the stack.
      scheduler_.in_world(0, [this, life, delay_us] {
        if (!runtime_ || life != scheduler_.life()) return;
        disk_.write_anchor();
        end_life();
        start_daemon_in(delay_us);
      });
    });
  }

  void end_vmm(std::uint64_t number, std::optional<StoppedBy> by) {
    std::vector<ProcessIdentity> vmms;
    for (const auto& [pid, process] : host_.processes()) {
      if (process.vm) vmms.push_back(host_.identity(pid));
    }
    if (vmms.empty()) return;
    const ProcessIdentity process = vmms[number % vmms.size()];
    (void)host_.kill(process);
    if (hands_) hands_->process_ended(process, by);
  }

  // One that was started by hand, with a VM's argv: of one that runs, or should not.
  void stray(std::uint64_t number) {
    if (!runtime_ || runtime_->fleet().vms.empty()) return;
    auto vm = runtime_->fleet().vms.begin();
    std::advance(vm, number % runtime_->fleet().vms.size());
    const auto& [id, row] = *vm;
    // Deleting: it could come after the proof that nothing is there. Never one that a start could take for its own, for the disk
    // of that one is not there.
    if (row.state == VmState::kDeleting) return;
    const bool no_disk = row.state == VmState::kStarting || !host_.things[id].device;
    const bool stale = no_disk || number / 7 % 2 == 0;
    const std::int32_t pid = host_.spawn(id, row.incarnation - (stale && row.incarnation > 0 ? 1 : 0), true);
    // It may end by itself while somebody is about to end it, and its pid may be another's by then.
    if (number % 3 == 0) return;
    scheduler_.in_world(scheduler_.dice().below(8 * kSecond), [this, process = host_.identity(pid)] {
      if (host_.kill(process) && hands_) hands_->process_ended(process, std::nullopt);
    });
  }

  Scheduler scheduler_;
  const bool sweep_;
  LogFaults log_faults_;
  HostFaults host_faults_;
  Disk disk_;
  Host host_;
  Oracles oracles_;
  ChanceOfDice entropy_;
  std::unique_ptr<SimLog> log_;
  std::unique_ptr<Hands> hands_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Runtime> runtime_;
  std::deque<Request> calls_;
  std::set<CommandId> answered_;
  std::map<VmId, Things> leftovers_;
  std::uint64_t last_us_ = 0;
  std::uint64_t stopping_life_ = 0;
  bool coming_ = false;
  bool tracing_ = false;
  Verdict verdict_;
};

}  // namespace

Verdict simulate(const Scenario& scenario, bool trace) { return Simulation(scenario, trace).run(); }

Scenario shrink(const Scenario& scenario, const std::string& failure) {
  Scenario best = scenario;
  for (std::size_t part = best.actions.size() / 2; part > 0; part /= 2) {
    for (std::size_t from = 0; from < best.actions.size();) {
      Scenario fewer = best;
      const auto begin = fewer.actions.begin() + static_cast<std::ptrdiff_t>(from);
      const auto end = begin + static_cast<std::ptrdiff_t>(std::min(part, fewer.actions.size() - from));
      fewer.actions.erase(begin, end);
      if (simulate(fewer).failure == failure) best = std::move(fewer);
      else from += part;
    }
  }
  return best;
}

}  // namespace banger::sim
