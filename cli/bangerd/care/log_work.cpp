// What Care does to the log's own files: copies, erasures, archives.
#include <pwd.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "cli/bangerd/audit/past.h"
#include "cli/bangerd/care/care.h"
#include "projections/past.h"

namespace banger::bangerd {
namespace {

std::unexpected<Rejection> busy() {
  return std::unexpected(
      Rejection{Refusal::kInUse, "the log is being archived, erased in or copied already", "again in a while"});
}

Actor actor_of(std::uint32_t uid, std::string_view client) {
  const passwd* entry = ::getpwuid(uid);
  return {uid, entry ? entry->pw_name : std::to_string(uid), std::string(client)};
}

// The events of one VM that have something to erase.
Result<std::vector<Sequence>> personal_events(const log::EventLog& log, VmId vm) {
  constexpr std::size_t kPage = 4096;
  std::vector<Sequence> found;
  for (StreamVersion from = 1;;) {
    auto page = log.stream_events(stream_of(vm), from, kPage);
    if (!page) return page;
    BANGER_TRY(log.visit_events(*page, [&](const log::Frame& frame) {
      if (!frame.personal_bytes().empty()) found.push_back(frame.sequence);
      return true;
    }));
    if (page->size() < kPage) return found;
    from += page->size();
  }
}

struct Erasing {
  std::vector<Sequence> events;
  std::vector<log::ArchiveChange> rewritten;
};

Result<Erasing> prepare_erasure(const log::EventLog& log, VmId vm) {
  auto events = personal_events(log, vm);
  if (!events) return std::unexpected(std::move(events).error());
  auto rewritten = log.rewrite_archives(*events);
  if (!rewritten) return std::unexpected(std::move(rewritten).error());
  return Erasing{*std::move(events), *std::move(rewritten)};
}

// The last event that no projection needs to go on after a restart: their rows are all written, and the chunk of
// times that is not full yet is read again.
Result<Sequence> projected_to(const log::EventLog& log) {
  const Sequence head = log.head().sequence;
  Sequence last = chunk_begin(head + 1) - 1;
  for (const ProjectionInfo& each : kProjections) {
    const auto checkpoint = log.checkpoint(each.name, each.version);
    if (!checkpoint) return checkpoint;
    last = std::min(last, *checkpoint);
  }
  return last;
}

Result<log::ArchivePlan> plan_archive(const log::EventLog& log, const rpc::Point& point) {
  const Sequence head = log.head().sequence;
  Sequence before = point.sequence.value_or(head + 1);
  if (point.time_ns) {
    const auto moment = moment_of(log, *point.time_ns, head);
    if (!moment) return std::unexpected(moment.error());
    before = moment->at_least + 1;  // where the clock was set back: what is older by any reading
  }
  const auto limit = projected_to(log);
  if (!limit) return std::unexpected(limit.error());
  return log.plan_archive(before, *limit);
}

// A file that is there already, and what it was planned as.
struct Written {
  log::ArchivePlan plan;
  std::optional<log::ArchiveChange> change;  // none: a dry run, or nothing to archive
};

Result<Written> write_archive(const log::EventLog& log, const rpc::ArchiveAsked& asked,
                              const log::VerifyProgress& progress) {
  auto plan = plan_archive(log, asked.before);
  if (!plan) return std::unexpected(std::move(plan).error());
  Written written{*std::move(plan), {}};
  if (asked.dry_run || written.plan.last == 0) return written;
  auto change = log.write_archive(written.plan, progress);
  if (!change) return std::unexpected(std::move(change).error());
  written.change = *std::move(change);
  return written;
}

}  // namespace

Care::Turn Care::take_turn() {
  if (std::exchange(turn_taken_, true)) return nullptr;
  return {this, [here = here_](Care* care) {
            if (*here) care->turn_taken_ = false;
          }};
}

template <class T, class Work, class Then>
void Care::work_then(const std::function<void(rpc::Care<T>)>& answer, Work work, Then then) {
  auto done = [answer, then = std::move(then)](auto result) mutable {
    if (!result) return answer(refuse(Refusal::kInvalid, result.error().message));
    then(std::move(result));
  };
  if (auto begun = run(std::move(work), std::move(done)); !begun) {
    answer(refuse(Refusal::kExhausted, begun.error().message));
  }
}

void Care::backup(std::string_view directory, std::function<void(rpc::Care<Sequence>)> answer) {
  if (!directory.starts_with('/')) return answer(refuse(Refusal::kInvalid, "the directory must be an absolute path"));
  const Turn turn = take_turn();  // files of archives must not change their names meanwhile
  if (!turn) return answer(busy());
  auto work = [&log = parts_.log, directory = std::string(directory)]() -> Result<Sequence> {
    const Sequence head = log.head().sequence;  // the copy has at least this
    BANGER_TRY(log.backup(directory));
    return head;
  };
  work_then<Sequence>(answer, std::move(work), [answer, turn](const Result<Sequence>& head) { answer(*head); });
}

void Care::erase(std::uint32_t caller_uid, std::string_view client, VmId vm, std::string_view name,
                 std::function<void(rpc::Care<rpc::Erased>)> answer) {
  const Turn turn = take_turn();
  if (!turn) return answer(busy());
  auto purge = [this, answer, turn](rpc::Erased erased) {
    auto done = [answer, erased, turn](Status purged) {
      if (!purged) return answer(refuse(Refusal::kInvalid, "erased, but still in files: " + purged.error().message));
      answer(erased);
    };
    if (auto begun = run([&log = parts_.log] { return log.purge_erased(); }, std::move(done)); !begun) {
      answer(refuse(Refusal::kExhausted, begun.error().message));
    }
  };
  auto prepared = [this, vm, actor = actor_of(caller_uid, client), name = std::string(name), answer,
                   purge](Result<Erasing> erasing) {
    if (erasing->events.empty()) return answer(rpc::Erased{});
    const std::uint64_t count = erasing->events.size();
    parts_.runtime.erase(actor, {vm, name, count}, std::move(erasing->events), std::move(erasing->rewritten),
                         [purge, count](Sequence sequence) { purge({count, sequence}); });
  };
  // Events that are not durable yet cannot be erased: they are waited for first.
  parts_.runtime.when_durable([this, vm, prepared, answer] {
    work_then<rpc::Erased>(answer, [&log = parts_.log, vm] { return prepare_erasure(log, vm); }, prepared);
  });
}

void Care::archive(std::uint32_t caller_uid, std::string_view client, rpc::ArchiveAsked asked,
                   std::function<void(rpc::Care<rpc::Archived>)> answer) {
  const Turn turn = take_turn();
  if (!turn) return answer(busy());
  auto progress = [&loop = parts_.loop, tell = asked.progress, last = Sequence{0}](Sequence done,
                                                                                   Sequence total) mutable {
    if (done - last < 10'000 && done != total) return;  // often enough for eyes
    last = done;
    loop.post([tell, done, total] { tell(done, total); });
  };
  auto written = [this, actor = actor_of(caller_uid, client), answer, turn](Result<Written> result) {
    rpc::Archived archived{.first = result->plan.first, .last = result->plan.last, .block_bytes = result->plan.bytes};
    if (!result->change) return answer(archived);
    const log::ArchiveRecord record = result->change->record;
    archived.file = log::archive_name(parts_.log.store_id(), record);
    archived.file_bytes = record.bytes;
    auto recorded = [this, answer, turn, archived](Sequence sequence) mutable {
      archived.sequence = sequence;
      // No more than tidy: the room that it does not give back now a later compaction does.
      auto done = [answer, turn, archived](const Status& purged) {
        if (!purged) spdlog::warn("archived, but the database keeps its room for now: {}", purged.error().message);
        answer(archived);
      };
      if (!run([&log = parts_.log] { return log.purge_archived(); }, std::move(done))) answer(archived);
    };
    parts_.runtime.archive(actor, {record.first, record.last, archived.file, record.bytes, record.digest},
                           *std::move(result->change), std::move(recorded));
  };
  parts_.runtime.when_durable([this, asked = std::move(asked), progress, written, answer] {
    work_then<rpc::Archived>(
        answer, [&log = parts_.log, asked, progress] { return write_archive(log, asked, progress); }, written);
  });
}

void Care::archives(std::function<void(std::vector<rpc::ArchiveState>)> answer) {
  std::vector<rpc::ArchiveState> all;
  for (const log::ArchiveState& each : parts_.log.archives()) {
    const log::ArchiveRecord& record = each.record;
    all.push_back({record.first, record.last, record.bytes, record.digest, each.name, each.problem});
  }
  answer(std::move(all));
}

}  // namespace banger::bangerd
