// A page of the events that match a query: by the stream's or the kind's index where the query
// names one, else by looking at the envelope of one event after the other. For worker threads, as
// audit/past is. What a page may cost is bounded, so that a search of the whole log is many short
// pieces, and ends when its client does.
#pragma once

#include <set>

#include "drivers/rpc/control_service.h"
#include "events/interned.h"
#include "events/log/event_log.h"

namespace banger::bangerd {

inline constexpr std::uint64_t kMaxLooked = 250'000;     // events in a page
inline constexpr std::size_t kMaxPageBytes = 256 << 10;  // of those that match; one may be larger
inline constexpr std::size_t kMaxPageEvents = 4096;

// The actors that a query means: "alice", "bangerctl", "alice/bangerctl". Nothing: all of them.
using ActorSet = std::optional<std::set<std::uint32_t>>;
[[nodiscard]] ActorSet actors_like(const Interned& interned, std::string_view pattern);

// From `cursor` on, or from the query's beginning where that is 0; nothing beyond `head` is looked
// at. The page's batch has no interned entries yet.
[[nodiscard]] Result<rpc::SearchPage> search(const log::EventLog& log, const rpc::EventQuery& query,
                                             const ActorSet& actors, Sequence cursor,
                                             Sequence head);

}  // namespace banger::bangerd
