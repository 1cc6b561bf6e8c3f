#include "cli/bangerd/adapters.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <ctime>

#include "drivers/observe/native.h"
#include "events/assert.h"
#include "events/log/ordered_read.h"

namespace banger::bangerd {
namespace {

std::int64_t read_clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t SystemClock::wall_ns() { return read_clock_ns(CLOCK_REALTIME); }

std::uint64_t SystemClock::monotonic_us() {
  return static_cast<std::uint64_t>(read_clock_ns(CLOCK_MONOTONIC)) / 1000;
}

std::uint64_t SystemEntropy::next() {
  if (left_ == 0) {
    ssize_t got = ::getrandom(buffer_.data(), sizeof buffer_, 0);
    BANGER_ASSERT(got == sizeof buffer_);
    left_ = buffer_.size();
  }
  return buffer_[--left_];
}

TimerId LoopTimers::after(std::uint64_t delay_ms, std::function<void()> fire) {
  TimerId id = next_++;
  auto timer = std::make_unique<uv::Timer>(loop_, [this, id, fire = std::move(fire)] {
    auto run = fire;  // erasing destroys what is being called
    timers_.erase(id);
    run();
  });
  timer->start_once(delay_ms);
  timers_[id] = std::move(timer);
  return id;
}

log::Ticket StoredLog::append(log::AppendRequest request) {
  const std::uint64_t now = clock_.monotonic_us();
  const log::Ticket ticket = log_.append(std::move(request));
  waiting_.push_back({ticket, now});
  return ticket;
}

void StoredLog::durable(log::Durable durable) {
  const std::uint64_t now = clock_.monotonic_us();
  while (!waiting_.empty() && waiting_.front().ticket <= durable.ticket) {
    commit_latency_.observe(now - waiting_.front().since_us);
    waiting_.pop_front();
  }
}

Status StoredLog::read(Sequence from, const std::function<bool(const log::Frame&)>& visit) {
  constexpr std::size_t kPageBytes = 8 << 20;
  bool go_on = true;
  while (go_on && from <= head()) {
    auto next = log_.read(from, kPageBytes, [&](const log::Frame& frame) { return go_on = visit(frame); });
    if (!next) return std::unexpected(next.error());
    from = *next;
  }
  return {};
}

Status StoredLog::read_records(Sequence from, const Interned& interned, const TakeRecord& take, bool verified) {
  using Records = std::vector<StoredRecord>;
  const auto prepare = [&interned](const log::Frame& frame, Records& records) -> Status {
    auto record = read_stored(frame.sequence, frame.public_bytes, frame.personal_bytes(), interned);
    if (!record) return std::unexpected(record.error());
    records.push_back(*std::move(record));
    return {};
  };
  const auto consume = [&take](Records& records) -> Status {
    for (const StoredRecord& record : records) BANGER_TRY(take(record));
    return {};
  };
  return log::OrderedRead<Records>(
             log_, {.from = from, .last = head(), .verified = verified, .prepare = prepare, .consume = consume})
      .run();
}

HostObserver::HostObserver(ObserverChoice choice, uv::Loop& loop, uv::WorkerPool& pool, observe::LookSpec spec,
                           Passing passing)
    : pool_(pool), spec_(std::move(spec)), passing_(std::move(passing)) {
  if (choice == ObserverChoice::kTools) tools_ = std::make_unique<observe::ToolObserver>(loop, pool, spec_);
}

void HostObserver::observe(std::function<void(Observation)> done) {
  auto finished = [this, done = std::move(done)](observe::Look look) { seen(std::move(look), done); };
  if (tools_) return tools_->observe(std::move(finished));
  auto submitted = pool_.submit([&spec = spec_] { return observe::observe_native(spec); }, std::move(finished));
  BANGER_ASSERT(submitted);  // the runtime has one look under way at most, and the pool is for looks alone
}

void HostObserver::seen(observe::Look look, const std::function<void(Observation)>& done) {
  if (look.unknown != unknown_) {
    unknown_ = std::move(look.unknown);
    for (const std::string& why : unknown_) spdlog::warn("a look at the host could not tell: {}", why);
    if (unknown_.empty()) spdlog::info("a look at the host tells everything again");
  }
  passing_(look.seen);
  done(std::move(look.seen));
}

}  // namespace banger::bangerd
