#include "tests/cli/bangerd/stored_fleet.h"

#include <unistd.h>

#include <filesystem>

#include "tests/catch.h"

namespace banger::test {

StoredFleet::StoredFleet(std::size_t vms) : history_(vms) {
  dir_ = "/tmp/banger-fleet-XXXXXX";
  REQUIRE(::mkdtemp(dir_.data()) != nullptr);
  reopen();
}

StoredFleet::~StoredFleet() {
  log_.reset();
  std::filesystem::remove_all(dir_);
}

void StoredFleet::reopen() {
  log_.reset();
  durable_ = 0;
  log::OpenOptions options{.paths = paths()};
  options.on_durable = [this](log::Durable durable) {
    const std::scoped_lock lock(mutex_);
    durable_ = durable.ticket;
    changed_.notify_one();
  };
  options.on_failure = [](const Error&) { std::abort(); };
  options.new_store_id = StoreId{1, 2};
  options.ballast_bytes = 4096;
  auto opened = log::EventLog::open(std::move(options));
  REQUIRE(opened);
  log_ = *std::move(opened);
}

void StoredFleet::append(log::AppendRequest request) {
  const log::Ticket ticket = log_->append(std::move(request));
  REQUIRE(ticket != 0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return durable_ >= ticket; });
}

void StoredFleet::live(std::size_t events, std::size_t a_block) {
  bangerd::SystemClock clock;
  bangerd::StoredLog port(*log_, clock);
  for (std::size_t done = 0; done < events;) {
    std::vector<EventRecord> records;
    for (std::size_t i = 0; i < a_block && done < events; ++i, ++done) records.push_back(history_.next());
    append(fold_and_encode(store_, port, records, entropy_));
  }
}

}  // namespace banger::test
