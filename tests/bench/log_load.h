// Load for an EventLog as the runtime makes it: requests out of engine/runtime's own fold, and
// clients that each have one append outstanding. One thread submits, as the daemon's loop does.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "cli/bangerd/adapters.h"
#include "engine/runtime/store.h"
#include "events/log/event_log.h"
#include "tests/bench/fleet_history.h"

namespace banger::bench {

struct Round {
  double seconds = 0;
  std::vector<double> latencies_us;  // of each append, until whoever waits for it knows
  std::vector<std::size_t> batches;  // how many appends each sync covered, in order
};

class LogLoad {
 public:
  // A new log in `dir`; events of a fleet of this many VMs. With an `env` that does not sync, each
  // event is committed by itself all the same.
  [[nodiscard]] static Result<std::unique_ptr<LogLoad>> open(const std::string& dir,
                                                             std::size_t vms,
                                                             rocksdb::Env* env = nullptr);

  // One event each, with its rows, checkpoints and command record.
  [[nodiscard]] std::vector<log::AppendRequest> make_requests(std::size_t count);
  // Those that bring every VM to rest.
  [[nodiscard]] std::vector<log::AppendRequest> settling_requests();
  [[nodiscard]] Result<Round> append(std::vector<log::AppendRequest> requests, std::size_t clients);
  [[nodiscard]] Status close() { return log_->shutdown(); }

 private:
  explicit LogLoad(std::size_t vms) : history_(vms) {}
  [[nodiscard]] log::AppendRequest request_of(const EventRecord& record);
  [[nodiscard]] Result<log::Ticket> wait_for(log::Ticket ticket);

  std::mutex mutex_;
  std::condition_variable changed_;
  log::Ticket durable_ = 0;
  std::vector<std::size_t> batches_;
  std::optional<Error> failure_;

  FleetHistory history_;
  Store store_;
  bangerd::SystemEntropy entropy_;
  std::unique_ptr<log::EventLog> log_;  // last: its threads call into the above
};

[[nodiscard]] log::LogPaths log_paths(const std::string& dir);

}  // namespace banger::bench
