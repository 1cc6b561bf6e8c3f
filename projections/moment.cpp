#include "projections/moment.h"

namespace banger {
namespace {

class Search {
 public:
  Search(std::span<const TimesRow> chunks, std::int64_t time_ns)
      : chunks_(chunks), time_ns_(time_ns) {}

  Result<Moment> run(const ChunkTimes& times_of) {
    if (chunks_.empty()) return Moment{};
    moment_.sequence = moment_.at_least = moment_.at_most = chunks_.front().first - 1;
    for (const TimesRow& chunk : chunks_) {
      if (chunk.latest_ns <= time_ns_) {
        whole(chunk);
      } else if (chunk.earliest_ns > time_ns_) {
        behind();
      } else {
        auto times = times_of(chunk);
        if (!times) return std::unexpected(times.error());
        if (times->size() != chunk.last - chunk.first + 1)
          return fail("a chunk of the log lacks events");
        for (std::size_t i = 0; i < times->size(); ++i) one(chunk.first + i, (*times)[i]);
      }
    }
    return moment_;
  }

 private:
  // Not after T, all of it. The greatest time that was seen so far and this chunk's decide whether
  // it goes on.
  void whole(const TimesRow& chunk) {
    if (chunk.latest_ns >= best_ns_) {
      best_ns_ = chunk.latest_ns;
      reaching_ = true;
    }
    if (reaching_) moment_.sequence = chunk.last;
    if (!beyond_) moment_.at_least = chunk.last;
    moment_.at_most = chunk.last;
  }
  void behind() {
    reaching_ = false;
    beyond_ = true;
  }
  void one(Sequence sequence, std::int64_t time_ns) {
    if (time_ns > time_ns_) return behind();
    whole({sequence, sequence, time_ns, time_ns});
  }

  std::span<const TimesRow> chunks_;
  std::int64_t time_ns_;
  Moment moment_;
  std::int64_t best_ns_ = INT64_MIN;
  bool reaching_ = false;  // the events since the best one are all not after T
  bool beyond_ = false;    // one after T was seen
};

}  // namespace

Result<Moment> find_moment(std::span<const TimesRow> chunks, std::int64_t time_ns,
                           const ChunkTimes& times_of) {
  return Search(chunks, time_ns).run(times_of);
}

}  // namespace banger
