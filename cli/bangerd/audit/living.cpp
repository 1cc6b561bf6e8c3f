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

Result<Sequence> last_sequence_of(StreamKind kind, std::string_view row) {
  const auto last = [](const auto& thing) -> Result<Sequence> {
    if (!thing) return std::unexpected(thing.error());
    return thing->last_sequence;
  };
  return kind == StreamKind::kVm ? last(parse_vm_row(row)) : last(parse_image_row(row));
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
    if (history.last_sequence <= last) {
      auto row = row_now(history);
      if (!row) return std::unexpected(row.error());
      life.row = *std::move(row);
    }
    if (life.row.empty()) {
      const auto folding = folding_of(log_, history.stream, last, &history);
      if (!folding) return std::unexpected(folding.error());
      BANGER_TRY(life.fold.begin(folding->snapshot));
      for (const Sequence each : folding->events) events_.push_back({each, lives_.size()});
    }
    lives_.push_back(std::move(life));
    return {};
  }

  // The stored row, if nothing has come to it since its history row was read.
  Result<std::string> row_now(const HistoryRow& history) const {
    const ProjectionInfo& projection = projection_of(kind_);
    auto row = log_.row(projection.name, projection.version, row_key(history.stream));
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::string();
    const auto last = last_sequence_of(kind_, **row);
    if (!last) return std::unexpected(last.error());
    return *last == history.last_sequence ? **std::move(row) : std::string();
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
