// The runtime's ports on libuv, the kernel and the event log: each a few lines, and no decision in any.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "cli/bangerd/config.h"
#include "cli/bangerd/metrics/measures.h"
#include "drivers/observe/tools/tool_observer.h"
#include "drivers/uv/timer.h"
#include "drivers/uv/worker_pool.h"
#include "engine/ports.h"
#include "events/log/event_log.h"

namespace banger::bangerd {

class SystemClock : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() override;
  [[nodiscard]] std::uint64_t monotonic_us() override;
};

// getrandom(2), a buffer at a time.
class SystemEntropy : public Entropy {
 public:
  [[nodiscard]] std::uint64_t next() override;

 private:
  std::array<std::uint64_t, 32> buffer_{};  // getrandom gives up to 256 bytes whole, or fails
  std::size_t left_ = 0;
};

class LoopTimers : public Timers {
 public:
  explicit LoopTimers(uv::Loop& loop) : loop_(loop) {}
  [[nodiscard]] TimerId after(std::uint64_t delay_ms, std::function<void()> fire) override;
  void cancel(TimerId timer) override { timers_.erase(timer); }

 private:
  uv::Loop& loop_;
  TimerId next_ = 1;
  std::map<TimerId, std::unique_ptr<uv::Timer>> timers_;
};

class StoredLog : public LogPort {
 public:
  StoredLog(log::EventLog& log, Clock& clock) : log_(log), clock_(clock) {}
  log::Ticket append(log::AppendRequest request) override;
  // What is durable now, as the loop hears of it: ends the wait of its requests.
  void durable(log::Durable durable);
  [[nodiscard]] const Histogram& commit_latency() const { return commit_latency_; }
  [[nodiscard]] Sequence head() override { return log_.head().sequence; }
  [[nodiscard]] Sequence first_sequence() override { return log_.first_sequence(); }
  [[nodiscard]] Result<std::optional<log::CommandRecord>> find_command(CommandId id) override {
    return log_.find_command(id);
  }
  [[nodiscard]] Status read(Sequence from, const std::function<bool(const log::Frame&)>& visit) override;
  // Decodes on two threads: replaying millions of events is what a start may have to wait for.
  [[nodiscard]] Status records(Sequence from, const Interned& interned,
                               const TakeRecord& take) override {
    return read_records(from, interned, take, false);
  }
  // The same with the hash chain checked on the way.
  [[nodiscard]] Status verified_records(Sequence from, const Interned& interned,
                                        const TakeRecord& take) {
    return read_records(from, interned, take, true);
  }
  [[nodiscard]] Status rows(std::string_view projection, std::uint32_t version,
                            const log::EventLog::RowVisitor& visit) override {
    return log_.rows(projection, version, visit);
  }
  [[nodiscard]] Result<std::optional<std::string>> row(std::string_view projection, std::uint32_t version,
                                                       std::string_view key) override {
    return log_.row(projection, version, key);
  }
  [[nodiscard]] Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) override {
    return log_.checkpoint(projection, version);
  }
  [[nodiscard]] Result<std::vector<log::Interned>> interned(std::uint8_t table) override {
    return log_.interned(table);
  }
  [[nodiscard]] Result<StreamId> stream_of(Sequence sequence) override { return log_.stream_of(sequence); }

 private:
  [[nodiscard]] Status read_records(Sequence from, const Interned& interned,
                                    const TakeRecord& take, bool verified);
  struct Waiting {
    log::Ticket ticket = 0;
    std::uint64_t since_us = 0;
  };
  log::EventLog& log_;
  Clock& clock_;
  std::deque<Waiting> waiting_;  // as many as the log queues
  Histogram commit_latency_ = commit_latency_histogram();
};

// Looks by whichever of the two observers was chosen; `pool` is for that alone. `passing` sees each look on the loop
// before the runtime does. Why a part could not be told is logged once, until it can be or another reason comes.
class HostObserver : public Observer {
 public:
  using Passing = std::function<void(const Observation&)>;

  HostObserver(ObserverChoice choice, uv::Loop& loop, uv::WorkerPool& pool, observe::LookSpec spec,
               Passing passing);
  void observe(std::function<void(Observation)> done) override;
  // Ends the programs of a look that is under way, whose `done` is then not called. Before the pool goes.
  void stop() { tools_.reset(); }

 private:
  void seen(observe::Look look, const std::function<void(Observation)>& done);

  uv::WorkerPool& pool_;
  const observe::LookSpec spec_;
  Passing passing_;
  std::unique_ptr<observe::ToolObserver> tools_;  // none: native
  std::vector<std::string> unknown_;              // of the last look
};

}  // namespace banger::bangerd
