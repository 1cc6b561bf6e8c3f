// Which event a moment of time means. The log's order is by sequence; its times are the host's wall
// clock, which may have been set back or have been wrong for a while. Pure: the daemon and tests
// bring the times.
#pragma once

#include <functional>
#include <span>

#include "projections/past.h"

namespace banger {

// The state "at T" is that after `sequence`: the event with the greatest time that is not after T
// (of several the last), and the events right behind it whose times are not after T either. Where
// the clock never went back that is the last event not after T, and all three numbers are the same.
// 0: before the first event.
struct Moment {
  Sequence sequence = 0;
  Sequence at_least = 0;  // every event up to here carries a time not after T
  Sequence at_most = 0;   // every event behind this one carries a time after T

  friend bool operator==(const Moment&, const Moment&) = default;
  [[nodiscard]] bool ambiguous() const { return at_least != at_most; }
};

// The times of a chunk's events, in order.
using ChunkTimes = std::function<Result<std::vector<std::int64_t>>(const TimesRow&)>;

// `chunks` are all of the log, in order, without gaps; the last may be one that is not full yet.
// Reads only the chunks that have times on both sides of `time_ns`, which is one unless the clock
// was set back.
[[nodiscard]] Result<Moment> find_moment(std::span<const TimesRow> chunks, std::int64_t time_ns,
                                         const ChunkTimes& times_of);

}  // namespace banger
