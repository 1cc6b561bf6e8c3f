// All that there was after some event: `vm ls --at`. A stream that was not there then costs the
// reading of its history row; the others are folded together, so that each block of the log is read
// once a page. For worker threads, as audit/past is.
#pragma once

#include "events/interned.h"
#include "events/log/event_log.h"

namespace banger::bangerd {

// What a page may have and cost.
struct LivingLimits {
  // Each page reads the same part of the log again: what is to be folded of one stream is all over it.
  std::size_t rows = 4'096;
  std::size_t bytes = 2 << 20;     // of rows, of which the last may come on top
  std::size_t events = 524'288;    // to fold, 16 bytes each until then; a stream's own may come on top
  std::size_t looked = 1'000'000;  // streams, there or not
};

// A page of the rows, as they were stored, in the order of their ids; `at` is durable.
struct LivingPage {
  std::vector<std::string> rows;
  std::uint64_t last_id = 0;  // where the next page begins behind
  bool more = false;
  std::size_t folded = 0;  // events, for it
};
[[nodiscard]] Result<LivingPage> living_at(const log::EventLog& log, const Interned& interned,
                                           StreamKind kind, Sequence at, std::uint64_t after_id,
                                           const LivingLimits& limits = {});

}  // namespace banger::bangerd
