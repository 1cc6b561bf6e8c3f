// A log as a daemon leaves it: a made-up fleet's events with their rows and checkpoints, in a directory that
// goes away.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "cli/bangerd/adapters.h"
#include "engine/runtime/store.h"
#include "tests/bench/fleet_history.h"

namespace banger::test {

class StoredFleet {
 public:
  explicit StoredFleet(std::size_t vms);
  ~StoredFleet();
  StoredFleet(const StoredFleet&) = delete;

  // So many events of the made-up fleet, `a_block` of them with each sync.
  void live(std::size_t events, std::size_t a_block);
  void append(log::AppendRequest request);  // and waits until it is durable
  // Closes the log and opens it again.
  void reopen();

  [[nodiscard]] log::EventLog& log() { return *log_; }
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] log::LogPaths paths() const { return {dir_ + "/log", dir_ + "/anchor"}; }

 private:
  std::string dir_;
  std::mutex mutex_;
  std::condition_variable changed_;
  log::Ticket durable_ = 0;
  bench::FleetHistory history_;
  Store store_;
  bangerd::SystemEntropy entropy_;
  std::unique_ptr<log::EventLog> log_;  // last: its thread calls into the above
};

}  // namespace banger::test
