// The loop's heart: takes requests, has decide answer them, folds what is new, appends it, and once it is
// durable answers, plans and dispatches. One thread, never blocks, holds no kernel handle. Everything it
// knows beyond the log is in_flight, timers and waiting callbacks: losing them by a crash loses nothing.
//
//   submit > decide > evolve > append > [durable] > answer, plan > dispatch > outcome > submit
#pragma once

#include <deque>
#include <map>
#include <set>

#include "engine/decide.h"
#include "engine/plan.h"
#include "engine/ports.h"
#include "engine/runtime/store.h"

namespace banger {

struct RuntimeOptions {
  HostLimits limits;
  Actor self;  // whom outcomes and corrections are by; `client` is set by the part that acts
  BootId boot;
  std::string kernel_release;
  std::string version;
  std::vector<LogEpochBegan> log_epochs = {};  // as ReportHost has them
  std::uint64_t tick_ms = 5'000;
  bool sweep = false;                  // remove what the host has of VMs that the log does not know
  std::uint64_t exec_grace_ms = 10'000;  // how long an exec may be without the client that holds it
};

// A person's request. `digest` is of the request's bytes: the same id with another digest is a conflict.
struct Request {
  CommandId id;
  Digest digest{};
  Actor actor;
  Ask ask;
};

struct Accepted {
  StreamId subject;
  Sequence first = 0;  // 0: it was so already
  Sequence last = 0;

  friend bool operator==(const Accepted&, const Accepted&) = default;
};
using Answer = std::expected<Accepted, Rejection>;

struct ReconcileStatus {
  std::uint64_t observations = 0;
  std::int64_t last_observation_ns = 0;
  std::uint64_t last_duration_us = 0;
  std::uint64_t observed_us = 0;  // all looks together
  std::uint64_t tick_ms = 0;
  std::uint32_t in_flight = 0;
  std::uint32_t held = 0;
  std::uint64_t corrections = 0;
  std::uint32_t parked = 0;
  std::string last_error;
  std::uint64_t shadow_folds = 0;      // how often stored rows were held against a fold of the log
  std::int64_t last_shadow_fold_ns = 0;
  Sequence shadow_fold_to = 0;         // the last one folded this far
  std::uint64_t drifted_rows = 0;      // that it found other than the log makes them
};

class Runtime {
 public:
  // The fleet is loaded (engine/runtime/store.h) before; nothing happens until start().
  Runtime(Ports ports, RuntimeOptions options, Store store);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Records this start (and a new boot), looks at the host, and from then on keeps it as it should be.
  void start();
  // No new requests; `done` once all that was decided is durable. Effects still under way are given up or left
  // to end unheard: the next start finds what came of them by looking.
  void stop(std::function<void()> done);

  void submit(Request request, std::function<void(Answer)> answer);
  // Once everything that is known now is durable: how reads stay behind nothing that could be lost.
  void when_durable(std::function<void()> then);
  // What a driver saw happen by itself: a VMM that ended.
  void notice(Ask outcome);

  // What a part of the daemon found out by itself, and that has to do with no VMM.
  void record(Ask outcome, std::string_view by) { report(std::move(outcome), by); }
  // Cuts the personal parts of these events out of the log; `answer` once that, and its record, are durable.
  // `rewritten`: archives that hold some of them, without them.
  void erase(const Actor& actor, const PersonalErased& erased, std::vector<Sequence> events,
             std::vector<log::ArchiveChange> rewritten, std::function<void(Sequence)> answer);
  // The log's oldest blocks leave its store for an archive that is there; `answer` as above.
  void archive(const Actor& actor, const LogArchived& archived, log::ArchiveChange change,
               std::function<void(Sequence)> answer);
  // True where nothing is under way to the log: what it holds is all that is known here.
  [[nodiscard]] bool settled() const { return durable_.sequence == store_.fleet.last; }
  // Takes a replay of the whole log, up to its head, for its state, and writes the rows of `projection` (all of
  // them where it is empty) anew, `surplus` ones away. Only while settled(). Gives how many rows were written.
  std::size_t rebuild(Replay replay, std::string_view projection, const std::vector<log::RowWrite>& surplus);
  void told_of_shadow_fold(Sequence checked_to, std::uint64_t drifted_rows);

  // From the log's writer, by way of the loop: everything up to here is on disk.
  void on_durable(log::Durable durable);
  // Called after each on_durable; returns a number for unsubscribe.
  std::uint64_t subscribe(std::function<void(Sequence)> wake);
  void unsubscribe(std::uint64_t subscriber);

  // The client that runs an exec is here, or is gone: without one for exec_grace_ms, the exec is lost.
  void hold_exec(VmId vm, ExecId exec);
  void release_exec(VmId vm, ExecId exec);

  void set_low_water(bool low) { low_water_ = low; }
  [[nodiscard]] bool low_water() const { return low_water_; }
  [[nodiscard]] const Fleet& fleet() const { return store_.fleet; }
  [[nodiscard]] const Interned& interned() const { return store_.interned; }
  [[nodiscard]] Sequence durable() const { return durable_.sequence; }
  [[nodiscard]] const Observation& observation() const { return observation_; }
  [[nodiscard]] const PlanContext& plan_context() const { return context_; }
  [[nodiscard]] ReconcileStatus status() const;

 private:
  struct Waiting {
    log::Ticket ticket;
    std::function<void()> then;
  };
  struct Deadline {
    Sequence fence = 0;
    VmState state = VmState::kCreated;
    TimerId timer = 0;
  };

  // runtime.cpp: the way of a command
  [[nodiscard]] std::optional<Answer> answered_before(const Request& request);
  void report(Ask outcome, std::string_view by);
  // What the log is to do to what it holds, with the event that records it.
  struct LogWork {
    std::vector<Sequence> erase;
    std::vector<log::ArchiveChange> archives;
  };
  Accepted commit(const Command& command, const Decision& decision, const Digest* digest,
                  LogWork work = {});
  void record_work(const Actor& actor, Ask record, LogWork work, std::function<void(Sequence)> answer);
  [[nodiscard]] Command own_command(Ask ask, std::string_view by);
  void after_change(StreamId stream);

  // reconcile.cpp: the way of an effect
  void plan_dirty();
  void plan_all();
  void dispatch(Plan plan);
  [[nodiscard]] bool is_durable(StreamId subject) const;
  [[nodiscard]] bool may_begin(const Effect& effect) const;
  void begin(const Effect& effect);
  void effect_ended(StreamId subject, Sequence fence, std::string_view effect, EffectEnd end);
  void tell(std::string_view what, std::string_view effect, StreamId subject, Sequence fence) const;
  void disturb(StreamId subject);
  void observe();
  void observed(Observation observation);
  void tick();
  void arm_deadline(VmId vm);
  void arm_exec_grace(VmId vm, ExecId exec);

  Ports ports_;
  RuntimeOptions options_;
  Store store_;
  log::Durable durable_;
  log::Ticket last_ticket_ = 0;
  std::deque<Waiting> waiting_;
  std::map<CommandId, log::CommandRecord> undurable_commands_;
  std::map<std::uint64_t, std::function<void(Sequence)>> subscribers_;
  std::uint64_t next_subscriber_ = 1;
  bool low_water_ = false;
  bool started_ = false;
  std::function<void()> stopping_;

  PlanContext context_;
  std::set<StreamId> dirty_;  // changed, and not planned for since
  Observation observation_;
  std::map<StreamId, std::uint64_t> touched_;  // when an effect on it last began or ended
  std::uint64_t touches_ = 0;
  bool observing_ = false;
  bool observe_again_ = false;
  bool planned_once_ = false;  // an observation was seen: before that nothing is done to the host
  std::uint64_t observe_began_us_ = 0;
  std::uint64_t observe_touch_ = 0;
  TimerId tick_timer_ = 0;
  TimerId kick_timer_ = 0;  // answers that were durable already when they were asked for
  std::map<VmId, Deadline> deadlines_;
  std::map<std::pair<VmId, ExecId>, TimerId> exec_graces_;
  ReconcileStatus status_;
};

}  // namespace banger
