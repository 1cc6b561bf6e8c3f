// What the Runtime does for its own log and rows: erasing, archiving, rebuilding, and what a shadow fold found.
#include <spdlog/spdlog.h>

#include "engine/runtime/runtime.h"
#include "events/assert.h"

namespace banger {

void Runtime::erase(const Actor& actor, const PersonalErased& erased, std::vector<Sequence> events,
                    std::vector<log::ArchiveChange> rewritten, std::function<void(Sequence)> answer) {
  record_work(actor, ReportErased{erased}, {std::move(events), std::move(rewritten)}, std::move(answer));
}

void Runtime::archive(const Actor& actor, const LogArchived& archived, log::ArchiveChange change,
                      std::function<void(Sequence)> answer) {
  record_work(actor, ReportArchived{archived}, {{}, {std::move(change)}}, std::move(answer));
}

void Runtime::record_work(const Actor& actor, Ask record, LogWork work, std::function<void(Sequence)> answer) {
  Command command = own_command(std::move(record), actor.client);
  command.actor = actor;
  auto decision = decide(store_.fleet, options_.limits, command);
  BANGER_ASSERT(decision);
  const Accepted accepted = commit(command, *decision, nullptr, std::move(work));
  when_durable([answer = std::move(answer), sequence = accepted.last] { answer(sequence); });
}

std::size_t Runtime::rebuild(Replay replay, std::string_view projection,
                             const std::vector<log::RowWrite>& surplus) {
  BANGER_ASSERT(settled() && replay.fleet().last == store_.fleet.last);
  adopt(store_, std::move(replay));
  auto request = fold_and_encode(store_, ports_.log, {}, ports_.entropy);
  request.rows.insert(request.rows.end(), surplus.begin(), surplus.end());
  if (!projection.empty()) {
    std::erase_if(request.rows, [&](const log::RowWrite& row) { return row.projection != projection; });
  }
  const std::size_t written = request.rows.size();
  last_ticket_ = ports_.log.append(std::move(request));
  spdlog::warn("projections rebuilt from the log: {} rows written", written);
  // What was planned rested on rows that may have been wrong.
  for (const auto& [id, vm] : store_.fleet.vms) after_change(stream_of(id));
  for (const auto& [id, image] : store_.fleet.images) after_change(stream_of(id));
  return written;
}

void Runtime::told_of_shadow_fold(Sequence checked_to, std::uint64_t drifted_rows) {
  ++status_.shadow_folds;
  status_.last_shadow_fold_ns = ports_.clock.wall_ns();
  status_.shadow_fold_to = checked_to;
  status_.drifted_rows = drifted_rows;
}

}  // namespace banger
