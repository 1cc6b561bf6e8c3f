#include "tests/bench/log_load.h"

#include <chrono>
#include <cstring>
#include <deque>

namespace banger::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Outstanding {
  log::Ticket ticket = 0;
  Clock::time_point since;
};

// As the daemon keeps one for each of a person's requests; outcomes have none.
log::CommandRecord command_record(const Envelope& envelope) {
  Digest digest{};  // of the request's bytes: no two are alike
  std::memcpy(digest.data(), &envelope.command, sizeof envelope.command);
  std::memcpy(digest.data() + sizeof envelope.command, &envelope.command, sizeof envelope.command);
  return {envelope.command, digest, envelope.sequence, 1, envelope.stream};
}

double us_since(Clock::time_point then) {
  return std::chrono::duration<double, std::micro>(Clock::now() - then).count();
}

}  // namespace

log::LogPaths log_paths(const std::string& dir) {
  return {dir + "/log", dir + "/anchor"};
}

Result<std::unique_ptr<LogLoad>> LogLoad::open(const std::string& dir, std::size_t vms,
                                               rocksdb::Env* env) {
  std::unique_ptr<LogLoad> load(new LogLoad(vms));
  log::OpenOptions options{.paths = log_paths(dir)};
  if (env != nullptr) {
    options.env = env;
    options.max_commit_requests = 1;
  }
  options.on_durable = [at = load.get()](log::Durable durable) {
    const std::scoped_lock lock(at->mutex_);
    at->batches_.push_back(durable.ticket - at->durable_);
    at->durable_ = durable.ticket;
    at->changed_.notify_one();
  };
  options.on_failure = [at = load.get()](Error error) {
    const std::scoped_lock lock(at->mutex_);
    at->failure_ = std::move(error);
    at->changed_.notify_one();
  };
  auto log = log::EventLog::open(std::move(options));
  if (!log) return std::unexpected(std::move(log).error());
  load->log_ = *std::move(log);
  return load;
}

log::AppendRequest LogLoad::request_of(const EventRecord& record) {
  bangerd::SystemClock clock;
  bangerd::StoredLog port(*log_, clock);
  log::AppendRequest request = fold_and_encode(store_, port, {record}, entropy_);
  if (record.envelope.causation == 0) request.command = command_record(record.envelope);
  return request;
}

std::vector<log::AppendRequest> LogLoad::make_requests(std::size_t count) {
  std::vector<log::AppendRequest> requests;
  for (std::size_t i = 0; i < count; ++i) requests.push_back(request_of(history_.next()));
  return requests;
}

std::vector<log::AppendRequest> LogLoad::settling_requests() {
  std::vector<log::AppendRequest> requests;
  while (const auto record = history_.settle()) requests.push_back(request_of(*record));
  return requests;
}

Result<log::Ticket> LogLoad::wait_for(log::Ticket ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || durable_ >= ticket; });
  if (failure_) return std::unexpected(*failure_);
  return durable_;
}

Result<Round> LogLoad::append(std::vector<log::AppendRequest> requests, std::size_t clients) {
  Round round;
  round.latencies_us.reserve(requests.size());
  std::deque<Outstanding> waiting;
  std::size_t next = 0;
  const auto begun = Clock::now();
  while (next < requests.size() || !waiting.empty()) {
    while (next < requests.size() && waiting.size() < clients) {
      const auto since = Clock::now();
      waiting.push_back({log_->append(std::move(requests[next++])), since});
    }
    auto durable = wait_for(waiting.front().ticket);
    if (!durable) return std::unexpected(std::move(durable).error());
    while (!waiting.empty() && waiting.front().ticket <= *durable) {
      round.latencies_us.push_back(us_since(waiting.front().since));
      waiting.pop_front();
    }
  }
  round.seconds = us_since(begun) / 1e6;
  const std::scoped_lock lock(mutex_);
  round.batches = std::exchange(batches_, {});
  return round;
}

}  // namespace banger::bench
