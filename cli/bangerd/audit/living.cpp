#include "cli/bangerd/audit/living.h"

#include <algorithm>

#include "cli/bangerd/audit/stream_past.h"

namespace banger::bangerd {
namespace {

// Whether a stream can have been there after event `at`; a parked one never went, whatever came
// after.
bool may_live(const HistoryRow& row, Sequence at, bool parked) {
  return row.first_sequence <= at && (row.deleted_at_ns == 0 || row.last_sequence > at || parked);
}

// What is stored of a stream now.
struct Now {
  std::string row;  // empty: nothing; it was deleted
  StreamVersion version = 0;
  Sequence last = 0;
};

Result<Now> now_of(const log::EventLog& log, StreamId stream) {
  const ProjectionInfo& projection = projection_of(stream.kind);
  auto row = log.row(projection.name, projection.version, row_key(stream));
  if (!row) return std::unexpected(row.error());
  if (!*row) return Now{};
  const auto now = [&](const auto& thing) -> Result<Now> {
    if (!thing) return std::unexpected(thing.error());
    return Now{**row, thing->version, thing->last_sequence};
  };
  return stream.kind == StreamKind::kVm ? now(parse_vm_row(**row)) : now(parse_image_row(**row));
}

class Living {
 public:
  Living(const log::EventLog& log, const Interned& interned, StreamKind kind, Sequence at,
         const LivingLimits& limits)
      : log_(log), interned_(interned), kind_(kind), at_(at), limits_(limits) {}

  Result<LivingPage> run(std::uint64_t after_id) {
    LivingPage page{.rows = {}, .last_id = after_id};
    auto parked = parked_streams(log_);
    if (!parked) return std::unexpected(parked.error());
    std::size_t looked = 0;
    BANGER_TRY(
        visit_history(log_, {kind_, after_id + 1}, [&](const HistoryRow& row) -> Result<bool> {
          page.more = lives_.size() >= limits_.rows || events_.size() >= limits_.events ||
                      looked >= limits_.looked;
          if (page.more) return false;
          ++looked;
          page.last_id = row.stream.id;
          const auto stopped = parked->find(row.stream);
          if (!may_live(row, at_, stopped != parked->end())) return true;
          const bool stood = stopped != parked->end() && stopped->second.sequence <= at_;
          const Status added = add(row, stood ? stopped->second.sequence - 1 : at_);
          if (!added) return std::unexpected(added.error());
          return true;
        }));
    BANGER_TRY(fold());
    finish(page);
    page.folded = events_.size();
    return page;
  }

 private:
  struct Life {
    StreamFold fold;
    std::uint64_t id;
    std::string row;  // as it is stored now, where that is what it was
  };
  struct Needed {
    Sequence sequence;
    std::size_t life;
  };

  // A stream that may have been there, folded up to `last`.
  Status add(const HistoryRow& history, Sequence last) {
    Life life{StreamFold(history.stream), history.stream.id, {}};
    auto now = now_of(log_, history.stream);
    if (!now) return std::unexpected(now.error());
    if (!now->row.empty() && now->last <= last) {
      life.row = std::move(now->row);
    } else {
      const auto folding = folding_of(log_, history.stream, last, now->version);
      if (!folding) return std::unexpected(folding.error());
      BANGER_TRY(life.fold.begin(folding->snapshot));
      for (const Sequence each : folding->events) events_.push_back({each, lives_.size()});
    }
    lives_.push_back(std::move(life));
    return {};
  }

  // All of them in one go, in the log's order: what is in one block is of many streams.
  Status fold() {
    std::ranges::sort(events_, {}, &Needed::sequence);
    std::vector<Sequence> sequences;
    sequences.reserve(events_.size());
    for (const Needed& each : events_) sequences.push_back(each.sequence);
    return visit_records(log_, interned_, sequences,
                         [&](std::size_t index, const EventRecord& record) {
                           return lives_[events_[index].life].fold.take(record);
                         });
  }

  void finish(LivingPage& page) {
    std::size_t bytes = 0;
    std::uint64_t taken = 0;
    for (Life& life : lives_) {
      if (bytes >= limits_.bytes) {  // the rest is of the next page
        page.more = true;
        page.last_id = taken;
        return;
      }
      std::string row = life.row.empty() ? life.fold.row() : std::move(life.row);
      taken = life.id;
      bytes += row.size();
      if (!row.empty()) page.rows.push_back(std::move(row));
    }
  }

  const log::EventLog& log_;
  const Interned& interned_;
  StreamKind kind_;
  Sequence at_;
  const LivingLimits& limits_;
  std::vector<Life> lives_;
  std::vector<Needed> events_;
};

}  // namespace

Result<LivingPage> living_at(const log::EventLog& log, const Interned& interned, StreamKind kind,
                             Sequence at, std::uint64_t after_id, const LivingLimits& limits) {
  if (after_id == UINT64_MAX) return LivingPage{.rows = {}, .last_id = after_id};
  return Living(log, interned, kind, at, limits).run(after_id);
}

}  // namespace banger::bangerd
