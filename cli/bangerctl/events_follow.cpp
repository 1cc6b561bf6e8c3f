#include <CLI/CLI.hpp>
#include <deque>

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/events_verbs.h"
#include "cli/bangerctl/sizes.h"
#include "cli/bangerctl/terminal.h"

namespace banger::ctl {
namespace {

constexpr auto kPingEvery = 20 * kj::SECONDS;

struct FollowOptions {
  std::string since;
  std::uint64_t limit = UINT64_MAX;
};

// The next event that is wanted, and the epoch in which it has that number; 0 where that was not
// said.
struct Cursor {
  std::uint64_t epoch = 0;
  Sequence next = 0;
};

std::string written(const Cursor& cursor) {
  return std::to_string(cursor.epoch) + ":" + std::to_string(cursor.next);
}

Answer<Cursor> read_cursor(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto epoch =
      colon == std::string::npos ? Result<std::uint64_t>(0) : parse_count(text.substr(0, colon));
  const auto next = parse_count(colon == std::string::npos ? text : text.substr(colon + 1));
  if (!epoch || !next)
    return misused("'" + text +
                   "' is no place to begin: give an event's number or a cursor, \"1:4711\"");
  return Cursor{*epoch, std::max<Sequence>(*next, 1)};
}

// What the daemon pushed and nobody has printed yet. The daemon's push is answered once it is
// printed, so no more than it sends unanswered is ever held.
struct Inbox {
  explicit Inbox(Session& session) : reader(session) {}
  EventReader reader;
  std::deque<EventRecord> records;
  std::optional<Failure> failure;
  kj::Vector<kj::Own<kj::PromiseFulfiller<void>>> unanswered;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiting;

  void wake() {
    KJ_IF_MAYBE (waiter, waiting) {
      (*waiter)->fulfill();
    }
    waiting = nullptr;
  }
};

class Sink final : public schema::EventSink::Server {
 public:
  explicit Sink(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}

  kj::Promise<void> push(PushContext context) override {
    auto records = inbox_->reader.decode_batch(context.getParams().getBatch());
    if (records) {
      std::ranges::move(*records, std::back_inserter(inbox_->records));
    } else {
      inbox_->failure = std::move(records).error();
    }
    auto printed = kj::newPromiseAndFulfiller<void>();
    inbox_->unanswered.add(kj::mv(printed.fulfiller));
    inbox_->wake();
    return kj::mv(printed.promise);
  }

 private:
  std::shared_ptr<Inbox> inbox_;
};

class Follower {
 public:
  Follower(Context& context, const FollowOptions& options)
      : context_(context),
        session_(context.session()),
        options_(options),
        names_(session_),
        inbox_(std::make_shared<Inbox>(session_)) {}

  [[nodiscard]] Answer<int> run();

 private:
  [[nodiscard]] Answer<void> subscribe();
  [[nodiscard]] Answer<void> check_place();
  [[nodiscard]] Answer<void> print_gap(Sequence to);
  [[nodiscard]] Answer<bool> print_new();
  void wait();

  Context& context_;
  Session& session_;
  const FollowOptions& options_;
  StreamNames names_;
  std::shared_ptr<Inbox> inbox_;
  Cursor at_;  // its epoch is set from the first connection on
  std::uint64_t printed_ = 0;
  std::optional<capnp::Response<schema::Control::FollowResults>> subscription_;
  kj::Promise<void> ping_ = kj::READY_NOW;
};

// Is our place still one in the log that this connection leads to? A restored or repaired log has
// other events by the same numbers, and an archived one has not all of them any more.
Answer<void> Follower::check_place() {
  const auto info = session_.info();
  if (at_.epoch != 0 && at_.epoch != info.getEpoch()) {
    return failed("the log was restored or repaired: it is in epoch " +
                      std::to_string(info.getEpoch()) + ", and the place " + written(at_) +
                      " is one of epoch " + std::to_string(at_.epoch),
                  "bangerctl events follow --since " + std::to_string(info.getFirstSequence()));
  }
  at_.epoch = info.getEpoch();
  const Sequence end = info.getHeadSequence() + 1;
  if (at_.next > end) {
    return failed("event " + std::to_string(at_.next) +
                      " is beyond the log's end: the next one is " + std::to_string(end),
                  "bangerctl events follow --since " + std::to_string(end));
  }
  if (at_.next < info.getFirstSequence()) return print_gap(info.getFirstSequence() - 1);
  return {};
}

Answer<void> Follower::print_gap(Sequence to) {
  const Sequence from = std::exchange(at_.next, to + 1);
  return print(gap_text(context_.json(), from, to, written(at_)) + "\n");
}

// From where we are, on whatever connection there is then: no gap, and nothing twice.
Answer<void> Follower::subscribe() {
  const auto connected = session_.connect();
  if (!connected) return std::unexpected(connected.error());
  if (const auto placed = check_place(); !placed) return placed;
  auto answer = session_.call([&](schema::Control::Client control) {
    auto request = control.followRequest();
    request.setFrom(at_.next);
    request.setSink(kj::heap<Sink>(inbox_));
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  subscription_.emplace(kj::mv(*answer));
  return check_place();  // the call may have been made again, to another daemon
}

// False once enough is printed.
Answer<bool> Follower::print_new() {
  std::string text;
  while (!inbox_->records.empty() && printed_ < options_.limit) {
    const EventRecord record = std::move(inbox_->records.front());
    inbox_->records.pop_front();
    if (record.envelope.sequence < at_.next) continue;  // pushed again after a reconnect
    if (record.envelope.sequence > at_.next) {
      return failed("the daemon left out events: after " + std::to_string(at_.next - 1) + " came " +
                    std::to_string(record.envelope.sequence));
    }
    ++at_.next;
    names_.learn(record);
    const std::string& name = names_.of(record.envelope.stream);
    const bool erased = inbox_->reader.erased().contains(record.envelope.sequence);
    if (context_.json()) {
      Json json = event_json(record, name, erased);
      json["cursor"] = written(at_);
      text += dump(json) + "\n";
    } else {
      text += event_line(record, name, erased);
    }
    ++printed_;
  }
  for (auto& each : inbox_->unanswered) each->fulfill();
  inbox_->unanswered.clear();
  const auto done = print(text);
  if (!done) return std::unexpected(done.error());
  if (inbox_->failure) return std::unexpected(*inbox_->failure);
  return printed_ < options_.limit;
}

// For new events, the end of the connection, or the time to say that we are still there.
void Follower::wait() {
  if (!inbox_->records.empty() || inbox_->failure) return;
  auto arrival = kj::newPromiseAndFulfiller<void>();
  inbox_->waiting = kj::mv(arrival.fulfiller);
  bool lost = false;
  const auto mark = [&lost] { lost = true; };
  auto gone = session_.on_disconnect().then(mark, [&lost](kj::Exception&&) { lost = true; });
  arrival.promise.exclusiveJoin(kj::mv(gone))
      .exclusiveJoin(session_.timer().afterDelay(kPingEvery))
      .wait(session_.io().waitScope);
  inbox_->waiting = nullptr;
  if (lost) {
    ping_ = kj::READY_NOW;
    subscription_.reset();
    session_.drop();
  } else {
    ping_ = session_.control().pingRequest().send().ignoreResult().eagerlyEvaluate(
        [](kj::Exception&&) {});
  }
}

Answer<int> Follower::run() {
  const auto connected = session_.connect();
  if (!connected) return std::unexpected(connected.error());
  // A line stays on the screen while "3s ago" gets wrong.
  if (wishes().times == TimeStyle::kRelative) wishes().times = TimeStyle::kUtc;
  at_.next = session_.info().getHeadSequence() + 1;
  if (!options_.since.empty()) {
    const auto cursor = read_cursor(options_.since);
    if (!cursor) return std::unexpected(cursor.error());
    at_ = *cursor;
  }
  if (!context_.json()) {
    const auto done = print(event_header());
    if (!done) return std::unexpected(done.error());
  }
  while (printed_ < options_.limit) {
    if (!session_.connected() || !subscription_) {
      const auto subscribed = subscribe();
      if (!subscribed) return std::unexpected(subscribed.error());
    }
    if (!session_.connected()) continue;
    wait();
    const auto more = print_new();
    if (!more) return std::unexpected(more.error());
    if (!*more) break;
  }
  return kOk;
}

}  // namespace

void add_follow_verb(const Verbs& verbs, CLI::App& events) {
  auto options = std::make_shared<FollowOptions>();
  CLI::App* verb =
      add_verb(events, "follow", "Print events as they happen, across restarts of the daemon");
  verb->add_option(
      "--since", options->since,
      "From this sequence number on, or from a cursor that was printed; else only new ones");
  verb->add_option("--limit", options->limit, "End after so many")->check(CLI::NonNegativeNumber);
  add_output_option(verb, verbs.context);
  on_chosen(verbs, verb, [options](Context& context) { return Follower(context, *options).run(); });
}

}  // namespace banger::ctl
