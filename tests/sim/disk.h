// The log's disk, and the log on it: blocks of the log's own making, rows, command records and checkpoints, all of one sync or
// nothing. What was not synced when the daemon is killed is there or not, by chance. An anchor follows at a distance.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "events/log/block.h"
#include "tests/sim/failure.h"
#include "tests/sim/scheduler.h"

namespace banger::sim {

struct Anchor {
  Sequence sequence = 0;
  Digest chain{};
};

class Disk {
 public:
  Disk();
  using Group = std::vector<log::AppendRequest>;

  // One synced batch: events as a block that chains on the last one, and all that belongs to them.
  void apply(const Group& group);
  // Some of the oldest blocks become one, which is durable with the next batch.
  void merge(std::size_t blocks);
  // The kill: what was written and not synced is gone.
  void lose_unsynced();
  void write_anchor() { anchor_ = {head_, chain_}; }
  // What opening the log checks: every block, the chain, the anchor. Throws a Failure.
  void check();

  [[nodiscard]] Sequence head() const { return head_; }
  [[nodiscard]] Result<std::vector<log::Interned>> interned(std::uint8_t table) const;
  // Frames from `from` on, until the visitor says false.
  void read(Sequence from, const std::function<bool(const log::Frame&)>& visit) const;

  std::map<std::string, std::map<std::string, std::string>> rows;
  std::map<std::string, Sequence> checkpoints;
  std::map<CommandId, log::CommandRecord> commands;
  std::vector<log::Interned> names;
  std::vector<StreamId> streams;  // of each event

 private:
  log::Hasher hasher_;
  std::map<Sequence, std::string> blocks_;  // by first event
  std::map<Sequence, std::string> unmerged_;  // what a merge replaced that is not durable yet
  std::map<StreamId, StreamVersion> versions_;
  Sequence head_ = 0;
  Digest chain_{};
  Anchor anchor_;
};

struct LogFaults {
  unsigned slow_percent = 0;        // syncs that take long
  unsigned kept_percent = 50;       // batches and merges under way at a kill that are there afterwards
};

// A daemon's log. `on_durable` is told later, and of the latest only.
class SimLog : public LogPort {
 public:
  SimLog(Scheduler& scheduler, Disk& disk, const LogFaults& faults, std::function<void()> on_synced,
         std::function<void(log::Durable)> on_durable);
  // The kill: what is being synced is kept or lost.
  void kill();

  log::Ticket append(log::AppendRequest request) override;
  [[nodiscard]] Sequence head() override { return disk_.head(); }
  [[nodiscard]] Sequence first_sequence() override { return 1; }
  [[nodiscard]] Result<std::optional<log::CommandRecord>> find_command(CommandId id) override;
  [[nodiscard]] Status read(Sequence from, const std::function<bool(const log::Frame&)>& visit) override;
  [[nodiscard]] Status rows(std::string_view projection, std::uint32_t version,
                            const log::EventLog::RowVisitor& visit) override;
  [[nodiscard]] Result<std::optional<std::string>> row(std::string_view projection, std::uint32_t version,
                                                       std::string_view key) override;
  [[nodiscard]] Result<Sequence> checkpoint(std::string_view projection, std::uint32_t version) override;
  [[nodiscard]] Result<std::vector<log::Interned>> interned(std::uint8_t table) override { return disk_.interned(table); }
  [[nodiscard]] Result<StreamId> stream_of(Sequence sequence) override { return disk_.streams.at(sequence - 1); }

 private:
  void commit();
  void synced();

  Scheduler& scheduler_;
  Disk& disk_;
  const LogFaults& faults_;
  std::function<void()> on_synced_;
  std::function<void(log::Durable)> on_durable_;
  Disk::Group queue_, under_way_;
  log::Ticket last_ticket_ = 0, group_ticket_ = 0;
  bool busy_ = false, telling_ = false;
  log::Durable durable_;
};

}  // namespace banger::sim
