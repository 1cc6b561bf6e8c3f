// A world for the Runtime that does nothing by itself: time stands still, the log is durable when the test says so,
// effects and looks end when the test says how. What a crash loses is lost by making a new Runtime on the same log.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "engine/runtime/runtime.h"
#include "tests/catch.h"

namespace banger::test {

class MemoryLog : public LogPort {
 public:
  log::Ticket append(log::AppendRequest request) override {
    queued.push_back(std::move(request));
    return ++last_ticket;
  }
  [[nodiscard]] Sequence head() override { return durable_events.size(); }
  [[nodiscard]] Sequence first_sequence() override { return 1; }
  [[nodiscard]] Result<std::optional<log::CommandRecord>> find_command(CommandId id) override {
    auto found = commands.find(id);
    if (found == commands.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] Status read(Sequence from, const std::function<bool(const log::Frame&)>& visit) override {
    for (std::size_t i = from - 1; i < durable_events.size(); ++i) {
      const log::EncodedEvent& event = durable_events[i];
      auto part = event.personal_bytes.empty() ? log::PersonalPart::kNone : log::PersonalPart::kPresent;
      if (!visit({event.sequence, event.public_bytes, part, event.personal_bytes})) break;
    }
    return {};
  }
  [[nodiscard]] Status rows(std::string_view projection, std::uint32_t,
                            const log::EventLog::RowVisitor& visit) override {
    for (const auto& [key, value] : stored[std::string(projection)]) {
      if (!visit(key, value)) break;
    }
    return {};
  }
  [[nodiscard]] Result<std::optional<std::string>> row(std::string_view projection, std::uint32_t,
                                                       std::string_view key) override {
    const auto& all = stored[std::string(projection)];
    auto found = all.find(std::string(key));
    if (found == all.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] Result<Sequence> checkpoint(std::string_view projection, std::uint32_t) override {
    return checkpoints[std::string(projection)];
  }
  [[nodiscard]] Result<std::vector<log::Interned>> interned(std::uint8_t table) override {
    std::vector<log::Interned> found;
    for (const log::Interned& each : names) {
      if (each.table == table) found.push_back(each);
    }
    return found;
  }

  [[nodiscard]] Result<StreamId> stream_of(Sequence sequence) override {
    return durable_events.at(sequence - 1).stream;
  }

  // The sync: everything queued is on disk now.
  log::Durable sync() {
    for (log::AppendRequest& request : std::exchange(queued, {})) {
      for (log::EncodedEvent& event : request.events) {
        REQUIRE(event.sequence == durable_events.size() + 1);
        REQUIRE(event.stream_version == ++versions[event.stream]);
        durable_events.push_back(std::move(event));
      }
      if (request.command) REQUIRE(commands.emplace(request.command->id, *request.command).second);
      for (log::RowWrite& row : request.rows) {
        if (row.value) stored[row.projection][row.key] = *row.value;
        else stored[row.projection].erase(row.key);
      }
      names.insert(names.end(), request.interned.begin(), request.interned.end());
      for (const auto& [name, version] : request.checkpoints_for) checkpoints[name] = head();
    }
    return {last_ticket, head()};
  }

  std::vector<log::AppendRequest> queued;
  log::Ticket last_ticket = 0;
  std::vector<log::EncodedEvent> durable_events;
  std::map<StreamId, StreamVersion> versions;
  std::map<CommandId, log::CommandRecord> commands;
  std::map<std::string, std::map<std::string, std::string>> stored;
  std::map<std::string, Sequence> checkpoints;
  std::vector<log::Interned> names;
};

struct StillClock : Clock {
  std::int64_t now_ns = 1'000'000'000;
  [[nodiscard]] std::int64_t wall_ns() override { return now_ns; }
  [[nodiscard]] std::uint64_t monotonic_us() override { return static_cast<std::uint64_t>(now_ns) / 1000; }
};

struct Counter : Entropy {
  std::uint64_t last = 0;
  [[nodiscard]] std::uint64_t next() override { return ++last * 0x9e3779b97f4a7c15; }
};

struct HandTimers : Timers {
  struct Set {
    std::uint64_t delay_ms;
    std::function<void()> fire;
  };
  std::map<TimerId, Set> set;
  TimerId last = 0;
  [[nodiscard]] TimerId after(std::uint64_t delay_ms, std::function<void()> fire) override {
    set[++last] = {delay_ms, std::move(fire)};
    return last;
  }
  void cancel(TimerId timer) override { set.erase(timer); }
  // Fires those that were set for exactly this long.
  std::size_t fire(std::uint64_t delay_ms) {
    std::vector<TimerId> due;
    for (const auto& [id, timer] : set) {
      if (timer.delay_ms == delay_ms) due.push_back(id);
    }
    for (TimerId id : due) {
      if (auto timer = set.extract(id)) timer.mapped().fire();
    }
    return due.size();
  }
};

struct HandEffects : EffectRunner {
  struct Begun {
    Effect effect;
    std::function<void(EffectEnd)> done;
  };
  std::deque<Begun> begun;
  std::vector<Sequence> cancelled;
  void begin(const Effect& effect, std::function<void(EffectEnd)> done) override {
    begun.push_back({effect, std::move(done)});
  }
  void cancel(StreamId, Sequence fence) override { cancelled.push_back(fence); }
  // The oldest one that is under way, which must be of this kind.
  Begun take(std::string_view name) {
    REQUIRE_FALSE(begun.empty());
    Begun first = std::move(begun.front());
    begun.pop_front();
    REQUIRE(name_of(first.effect) == name);
    return first;
  }
};

struct HandObserver : Observer {
  std::deque<std::function<void(Observation)>> asked;
  void observe(std::function<void(Observation)> done) override { asked.push_back(std::move(done)); }
  void see(Observation observation) {
    REQUIRE_FALSE(asked.empty());
    auto done = std::move(asked.front());
    asked.pop_front();
    observation.processes_known = observation.directories_known = true;
    done(std::move(observation));
  }
};

struct World {
  static constexpr std::uint64_t kTickMs = 7'001, kGraceMs = 7'002;
  MemoryLog log;
  StillClock clock;
  Counter entropy;
  HandTimers timers;
  HandEffects effects;
  HandObserver observer;
  std::unique_ptr<Runtime> runtime;

  World() { restart(); }
  ~World() { runtime.reset(); }

  // What a kill leaves behind is what was durable.
  void restart() {
    runtime.reset();
    timers.set.clear();
    effects.begun.clear();
    observer.asked.clear();
    log.queued.clear();
    auto store = load_store(log);
    REQUIRE(store);
    RuntimeOptions options{.self = {0, "root", ""},
                           .boot = {1, 2},
                           .kernel_release = "6.1",
                           .version = "test",
                           .tick_ms = kTickMs,
                           .exec_grace_ms = kGraceMs};
    options.limits.max_memory_mib = 1 << 20;
    options.limits.max_disk_mib = 1 << 20;
    runtime = std::make_unique<Runtime>(Ports{clock, entropy, timers, log, observer, effects}, options,
                                        *std::move(store));
    runtime->start();
    sync();
    observer.see(seen());
  }
  void sync() { runtime->on_durable(log.sync()); }

  // Asks, and keeps the answer that comes.
  std::shared_ptr<std::optional<Answer>> ask(Ask ask, std::uint64_t id, std::uint8_t digest = 1) {
    auto kept = std::make_shared<std::optional<Answer>>();
    runtime->submit({{0, id}, Digest{digest}, {1000, "ann", "test"}, std::move(ask)},
                    [kept](const Answer& answer) { *kept = answer; });
    return kept;
  }
  // The host as it should be: one right VMM for every VM that runs.
  [[nodiscard]] Observation seen() const {
    Observation observation;
    for (const auto& [id, vm] : runtime->fleet().vms) {
      if (vm.state == VmState::kRunning) observation.vmms[id] = {{{{1, 2}, 100, 5}, vm.incarnation}};
    }
    return observation;
  }
  void make_image() {
    ask(MakeImage{"base", ImageSource::kRecipe, "tiny", ""}, 1);
    sync();
    auto build = effects.take("build_image");
    const Image& image = std::get<BuildImage>(build.effect).image;
    build.done({.outcomes = {ReportImageMade{image.id, image.fence, Digest{9}, 1 << 20, 1 << 20}}});
    sync();
  }
  static CreateVm web(bool start = true, bool remove = false) {
    return {"web", "base", {.vcpus = 1, .memory_mib = 512, .disk_mib = 1024}, start, remove};
  }
  [[nodiscard]] const VmRuntime& vm() const { return runtime->fleet().vms.begin()->second; }
  // Takes "web" all the way to a guest that answers.
  void run_web(bool remove = false) {
    ask(web(true, remove), 2);
    sync();
    auto spawn = effects.take("spawn_vmm");
    spawn.done({.outcomes = {ReportSpawned{vm().id, vm().fence, false}}});
    sync();
    auto wait = effects.take("await_guest");
    wait.done({.outcomes = {ReportReady{vm().id, vm().fence}}});
    sync();
    while (!observer.asked.empty()) observer.see(seen());
    REQUIRE(vm().ready);
  }
};

}  // namespace banger::test
