// The interned entries of a whole log: what every reader of stored events begins with. `Log` is a LogPort, or the
// EventLog itself where there is no runtime in between.
#pragma once

#include "events/interned.h"
#include "events/log/event_log.h"

namespace banger {

template <class Log>
[[nodiscard]] Result<Interned> load_interned(Log& log) {
  Interned interned;
  for (const InternTable table : {InternTable::kActor, InternTable::kBoot}) {
    auto entries = log.interned(static_cast<std::uint8_t>(table));
    if (!entries) return std::unexpected(std::move(entries).error());
    for (log::Interned& entry : *entries) {
      BANGER_TRY(interned.load({table, entry.id, std::move(entry.value)}));
    }
  }
  return interned;
}

}  // namespace banger
