// RpcLoad::follow: intents offered at a steady pace, and followers that note when each event came.
#include <algorithm>
#include <chrono>
#include <optional>

#include "tests/bench/report.h"
#include "tests/bench/rpc_load_impl.h"

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutstanding = 4'096;  // intents; beyond, the daemon is slower than what is offered
constexpr auto kTick = 1 * kj::MILLISECONDS;
constexpr double kGraceS = 1;
constexpr std::size_t kLagOfEach = 7;  // events; noting all of them would be work of its own

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// A stream whose end stops reading: what comes stays in the socket.
class DeafStream final : public kj::AsyncIoStream {
 public:
  explicit DeafStream(kj::Own<kj::AsyncIoStream> inner) : inner_(kj::mv(inner)) {}
  void stop_reading() { deaf_ = true; }

  kj::Promise<std::size_t> tryRead(void* buffer, std::size_t least, std::size_t most) override {
    if (deaf_) return kj::NEVER_DONE;
    return inner_->tryRead(buffer, least, most);
  }
  kj::Promise<void> write(const void* buffer, std::size_t size) override { return inner_->write(buffer, size); }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    return inner_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override { inner_->shutdownWrite(); }

 private:
  kj::Own<kj::AsyncIoStream> inner_;
  bool deaf_ = false;
};

struct Arrival {
  std::uint64_t first = 0, end = 0;  // sequences
  Clock::time_point at;
};

struct Follower {
  explicit Follower(kj::Own<kj::AsyncIoStream> stream) : client(kj::mv(stream)) {}

  std::uint64_t received() const {
    std::uint64_t sum = 0;
    for (const Arrival& each : arrivals) sum += each.end - each.first;
    return sum;
  }

  RpcClient client;
  std::vector<Arrival> arrivals;
  schema::Handle::Client handle = nullptr;
};

class Sink final : public schema::EventSink::Server {
 public:
  explicit Sink(Follower& follower) : follower_(follower) {}

 protected:
  kj::Promise<void> push(PushContext context) override {
    const auto batch = context.getParams().getBatch();
    const std::uint64_t end = batch.getNextSequence();
    const std::uint64_t count = batch.getEvents().size();
    if (count > 0) follower_.arrivals.push_back({end - count, end, Clock::now()});
    return kj::READY_NOW;
  }

 private:
  Follower& follower_;
};

// Intents, as many as are due at each tick, each counted until its event is durable.
class Offer final : kj::TaskSet::ErrorHandler {
 public:
  using Change = std::function<kj::Promise<std::uint64_t>(std::size_t number)>;
  Offer(kj::Timer& timer, const FollowPlan& plan, std::size_t clients, std::uint64_t head, Change change)
      : timer_(timer),
        plan_(plan),
        clients_(clients),
        head_(head),
        change_(std::move(change)),
        sent_at_(static_cast<std::size_t>(plan.seconds * static_cast<double>(plan.per_s)) + kMostOutstanding) {}

  // Until the last one is durable.
  kj::Promise<void> run() {
    KJ_IF_MAYBE(failure, failure_) { return kj::cp(*failure); }
    const double elapsed = seconds_since(begun_);
    if (elapsed < plan_.seconds) {
      const auto due = static_cast<std::size_t>(elapsed * static_cast<double>(plan_.per_s));
      while (sent_ < due && outstanding_ < kMostOutstanding) send();
    } else if (outstanding_ == 0) {
      return kj::READY_NOW;
    }
    return timer_.afterDelay(kTick).then([this] { return run(); });
  }

  [[nodiscard]] std::uint64_t head() const { return head_; }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] double seconds() const { return seconds_since(begun_); }
  // Unless the event is of somebody else.
  [[nodiscard]] std::optional<Clock::time_point> sent_at(std::uint64_t sequence) const {
    const std::uint64_t place = sequence - head_ - 1;
    if (place >= sent_at_.size() || sent_at_[place] == Clock::time_point()) return std::nullopt;
    return sent_at_[place];
  }

 private:
  void send() {
    ++outstanding_;
    tasks_.add(change_(sent_++ % clients_).then([this, since = Clock::now()](std::uint64_t sequence) {
      --outstanding_;
      last_ = std::max(last_, sequence);
      const std::uint64_t place = sequence - head_ - 1;
      if (sequence > head_ && place < sent_at_.size()) sent_at_[place] = since;
    }));
  }
  void taskFailed(kj::Exception&& exception) override { failure_ = kj::mv(exception); }

  kj::Timer& timer_;
  const FollowPlan& plan_;
  std::size_t clients_;
  std::uint64_t head_;  // before the first of ours
  Change change_;
  Clock::time_point begun_ = Clock::now();
  std::size_t sent_ = 0, outstanding_ = 0;
  std::uint64_t last_ = head_;
  std::vector<Clock::time_point> sent_at_;
  kj::Maybe<kj::Exception> failure_;
  kj::TaskSet tasks_{*this};
};

void add_lags(const Follower& follower, const Offer& offer, std::vector<double>& lags_ms) {
  for (const Arrival& each : follower.arrivals) {
    for (std::uint64_t i = each.first + (kLagOfEach - each.first % kLagOfEach) % kLagOfEach; i < each.end;
         i += kLagOfEach) {
      const auto sent = offer.sent_at(i);
      if (sent) lags_ms.push_back(std::chrono::duration<double, std::milli>(each.at - *sent).count());
    }
  }
}

FollowTold told_by(const std::vector<kj::Own<Follower>>& followers, const Offer& offer, double offered_s) {
  const auto events = static_cast<double>(offer.last() - offer.head());
  FollowTold told{.events_per_s = events / offered_s, .least_share = 1};
  std::vector<double> lags_ms;
  double received = 0, pushes = 0;
  for (const auto& each : followers) {
    const auto got = static_cast<double>(each->received());
    told.least_share = std::min(told.least_share, got / events);
    received += got;
    pushes += static_cast<double>(each->arrivals.size());
    add_lags(*each, offer, lags_ms);
  }
  told.delivered_per_s = received / offer.seconds();
  told.events_per_push = received / std::max(pushes, 1.0);
  if (!lags_ms.empty()) {
    told.lag_p50_ms = quantile(lags_ms, 0.5);
    told.lag_p99_ms = quantile(lags_ms, 0.99);
  }
  return told;
}

}  // namespace

Result<FollowTold> RpcLoad::follow(const FollowPlan& plan, const std::function<void()>& at_end) {
  auto& scope = impl_->io.waitScope;
  auto& timer = impl_->io.provider->getTimer();
  try {
    std::vector<kj::Own<Follower>> followers, deaf;
    std::uint64_t head = impl_->hello(*impl_->clients.front());
    const auto begin = [&](kj::Own<kj::AsyncIoStream> stream) {
      auto follower = kj::heap<Follower>(kj::mv(stream));
      (void)impl_->hello(follower->client);
      auto request = follower->client.control.followRequest();
      request.setFrom(head + 1);
      request.setSink(kj::heap<Sink>(*follower));
      follower->handle = request.send().wait(scope).getHandle();
      return follower;
    };
    for (std::size_t i = 0; i < plan.followers; ++i) followers.push_back(begin(impl_->connect()));
    for (std::size_t i = 0; i < plan.deaf; ++i) {
      auto stream = kj::heap<DeafStream>(impl_->connect());
      DeafStream& ear = *stream;
      deaf.push_back(begin(kj::mv(stream)));
      ear.stop_reading();
    }
    Offer offer(timer, plan, impl_->clients.size(), head, [this](std::size_t i) { return impl_->change(i); });
    offer.run().wait(scope);
    const double offered_s = offer.seconds();
    const auto all_there = [&] {
      return std::ranges::all_of(followers, [&](const kj::Own<Follower>& each) {
        return !each->arrivals.empty() && each->arrivals.back().end > offer.last();
      });
    };
    while (!all_there() && offer.seconds() < offered_s + kGraceS) timer.afterDelay(kTick).wait(scope);
    const FollowTold told = told_by(followers, offer, offered_s);
    at_end();
    return told;
  } catch (const kj::Exception& exception) {
    return fail(exception.getDescription().cStr());
  }
}

}  // namespace banger::bench
