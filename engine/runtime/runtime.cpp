#include "engine/runtime/runtime.h"

#include <spdlog/spdlog.h>

#include "events/assert.h"

namespace banger {

Runtime::Runtime(Ports ports, RuntimeOptions options, Store store)
    : ports_(ports), options_(std::move(options)), store_(std::move(store)) {
  durable_.sequence = ports_.log.head();
  status_.tick_ms = options_.tick_ms;
  context_.sweep = options_.sweep;
}

Runtime::~Runtime() {
  ports_.timers.cancel(tick_timer_);
  ports_.timers.cancel(kick_timer_);
  for (const auto& [vm, deadline] : deadlines_) ports_.timers.cancel(deadline.timer);
  for (const auto& [exec, timer] : exec_graces_) ports_.timers.cancel(timer);
}

void Runtime::start() {
  BANGER_ASSERT(!started_);
  started_ = true;
  report(ReportHost{options_.boot, options_.kernel_release, options_.version, options_.log_epochs}, "daemon");
  for (const auto& [id, vm] : store_.fleet.vms) {
    arm_deadline(id);
    for (const OpenExec& exec : vm.execs) arm_exec_grace(id, exec.id);
  }
  tick();
}

void Runtime::stop(std::function<void()> done) {
  BANGER_ASSERT(!stopping_);
  report(ReportDaemonStopped{}, "daemon");
  stopping_ = std::move(done);
  ports_.timers.cancel(std::exchange(tick_timer_, 0));
  // Waiting for guests is given up; what changes the host runs to its end, which is bounded by its driver.
  for (auto& [subject, effects] : context_.in_flight) {
    for (InFlight& effect : effects) {
      effect.cancelling = true;
      ports_.effects.cancel(subject, effect.fence);
    }
  }
  when_durable([this] { std::exchange(stopping_, [] {})(); });
}

void Runtime::submit(Request request, std::function<void(Answer)> answer) {
  if (auto known = answered_before(request)) {
    when_durable([answer = std::move(answer), known = *std::move(known)] { answer(known); });
    return;
  }
  if (stopping_) return answer(std::unexpected(Rejection{Refusal::kWrongState, "the daemon is stopping", ""}));
  bool frees = std::holds_alternative<DeleteVm>(request.ask) || std::holds_alternative<DeleteImage>(request.ask) ||
               std::holds_alternative<StopVm>(request.ask) || std::holds_alternative<FinishExec>(request.ask);
  if (low_water_ && !frees) {
    return answer(std::unexpected(Rejection{Refusal::kExhausted, "the disk of the data directory is nearly full",
                                            "delete a VM or an image: `bangerctl vm rm`, `bangerctl image rm`"}));
  }
  std::uint64_t fresh = 0;
  while (fresh == 0) fresh = ports_.entropy.next();
  Command command{.id = request.id,
                  .actor = std::move(request.actor),
                  .time_ns = ports_.clock.wall_ns(),
                  .fresh_id = fresh,
                  .random = ports_.entropy.next(),
                  .ask = std::move(request.ask)};
  auto decision = decide(store_.fleet, options_.limits, command);
  if (!decision) {
    // A refusal may rest on events that are not durable yet; it must not be seen before them.
    when_durable([answer = std::move(answer), refusal = decision.error()] { answer(std::unexpected(refusal)); });
    return;
  }
  Accepted accepted = commit(command, *decision, &request.digest);
  when_durable([answer = std::move(answer), accepted] { answer(accepted); });
}

std::optional<Answer> Runtime::answered_before(const Request& request) {
  std::optional<log::CommandRecord> record;
  if (auto pending = undurable_commands_.find(request.id); pending != undurable_commands_.end()) {
    record = pending->second;
  } else {
    auto found = ports_.log.find_command(request.id);
    BANGER_ASSERT(found);  // a store that cannot be read is not one to append to
    record = *found;
  }
  if (!record) return std::nullopt;
  if (record->request_digest != request.digest) {
    return std::unexpected(Rejection{Refusal::kConflict, "this command id was used for another request", ""});
  }
  Sequence last = record->event_count == 0 ? 0 : record->first_sequence + record->event_count - 1;
  return Accepted{record->subject, record->event_count == 0 ? 0 : record->first_sequence, last};
}

Command Runtime::own_command(Ask ask, std::string_view by) {
  Actor actor = options_.self;
  actor.client = std::string(by);
  return {.id = {ports_.entropy.next(), ports_.entropy.next()},
          .actor = std::move(actor),
          .time_ns = ports_.clock.wall_ns(),
          .fresh_id = 0,
          .random = ports_.entropy.next(),
          .ask = std::move(ask)};
}

void Runtime::report(Ask outcome, std::string_view by) {
  const Command command = own_command(std::move(outcome), by);
  auto decision = decide(store_.fleet, options_.limits, command);
  BANGER_ASSERT(decision);  // outcomes are taken or dropped, never refused
  if (!decision->events.empty()) (void)commit(command, *decision, nullptr);
}

Accepted Runtime::commit(const Command& command, const Decision& decision, const Digest* digest,
                         LogWork work) {
  std::vector<EventRecord> records;
  Sequence first = store_.fleet.last + 1;
  std::map<StreamId, StreamVersion> versions;
  for (const NewEvent& fresh : decision.events) {
    StreamVersion& version = versions.try_emplace(fresh.stream, store_.fleet.version_of(fresh.stream)).first->second;
    Sequence causation = fresh.causation == 0 && !records.empty() ? first : fresh.causation;
    records.push_back({{.sequence = first + records.size(),
                        .stream = fresh.stream,
                        .version = ++version,
                        .command = command.id,
                        .correlation = fresh.correlation ? fresh.correlation : command.id,
                        .causation = causation,
                        .actor = command.actor,
                        .time_ns = command.time_ns,
                        .boot = options_.boot,
                        .schema_version = kSchemaVersion},
                       fresh.event});
    const Envelope& envelope = records.back().envelope;
    spdlog::info("event={} kind={} stream={} by=\"{}\" correlation={}", envelope.sequence, name_of(fresh.event),
                 to_hex(fresh.stream.id), command.actor.client, envelope.correlation.hex());
  }
  auto request = fold_and_encode(store_, ports_.log, records, ports_.entropy);
  request.erase = std::move(work.erase);
  request.archives = std::move(work.archives);
  auto count = static_cast<std::uint32_t>(records.size());
  if (digest) {
    request.command = log::CommandRecord{command.id, *digest, first, count, decision.subject};
    undurable_commands_[command.id] = *request.command;
  }
  last_ticket_ = ports_.log.append(std::move(request));
  if (digest) {
    when_durable([this, id = command.id] { undurable_commands_.erase(id); });
  }
  for (const auto& [stream, version] : versions) after_change(stream);
  return {decision.subject, count == 0 ? 0 : first, count == 0 ? 0 : first + count - 1};
}

void Runtime::after_change(StreamId stream) {
  dirty_.insert(stream);
  context_.held.erase(stream);  // there is something new to try
  if (stream.kind == StreamKind::kVm && started_) arm_deadline(VmId{stream.id});
}

void Runtime::when_durable(std::function<void()> then) {
  waiting_.push_back({last_ticket_, std::move(then)});
  if (waiting_.front().ticket <= durable_.ticket) {
    // Nothing is outstanding; still not inside the caller's call (engine/ports.h).
    ports_.timers.cancel(kick_timer_);
    kick_timer_ = ports_.timers.after(0, [this] { on_durable(durable_); });
  }
}

void Runtime::on_durable(log::Durable durable) {
  if (durable.ticket > durable_.ticket) durable_ = durable;
  while (!waiting_.empty() && waiting_.front().ticket <= durable_.ticket) {
    auto then = std::move(waiting_.front().then);
    waiting_.pop_front();
    then();
  }
  plan_dirty();
  auto subscribers = subscribers_;  // a subscriber may leave while it is told
  for (const auto& [number, wake] : subscribers) {
    if (subscribers_.contains(number)) wake(durable_.sequence);
  }
}

std::uint64_t Runtime::subscribe(std::function<void(Sequence)> wake) {
  subscribers_[next_subscriber_] = std::move(wake);
  return next_subscriber_++;
}

void Runtime::unsubscribe(std::uint64_t subscriber) { subscribers_.erase(subscriber); }

ReconcileStatus Runtime::status() const {
  ReconcileStatus status = status_;
  for (const auto& [subject, effects] : context_.in_flight) {
    status.in_flight += static_cast<std::uint32_t>(effects.size());
  }
  status.held = static_cast<std::uint32_t>(context_.held.size());
  status.parked = static_cast<std::uint32_t>(store_.fleet.parked.size());
  return status;
}

}  // namespace banger
