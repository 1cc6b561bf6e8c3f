// A log out of bundles: frame by frame, every one proved, into a store that has none yet. For banger-log. Nobody's
// database is opened: what comes from elsewhere is bytes until the chain has proved it. Sequences, digests and
// blocks stay as they were; a new epoch begins.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "events/log/maintain.h"

namespace banger::log {

// What the indexes have to know of an event, which the log cannot read.
struct EventPlace {
  StreamId stream;
  StreamVersion version = 0;
  std::uint16_t kind = 0;
};
using Indexer = std::function<Result<EventPlace>(std::string_view public_bytes)>;

// `files` hold every event from the first on, in order (archives, then an export). Refuses a log that has events,
// and bundles that are damaged, of several stores, or have gaps: then nothing is changed.
[[nodiscard]] Result<Replaced> import_bundles(const std::vector<std::string>& files, const LogPaths& paths,
                                              const Indexer& index, const VerifyProgress& progress);

}  // namespace banger::log
