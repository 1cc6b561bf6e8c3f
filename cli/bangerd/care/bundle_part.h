// A page of a bundle's records, made of the log's blocks: chosen events whole, the others of their blocks as
// digests, and what is interned before the first event that names it. Reads only; bounded by its page. For
// exports, which are asked for page by page and whose daemon remembers nothing between two, and for archives.
#pragma once

#include "drivers/rpc/care_service.h"
#include "events/interned.h"
#include "events/log/event_log.h"

namespace banger::bangerd {

// `cursor` 0 begins. An Error where the log cannot be read, or an event is chosen that is not there.
[[nodiscard]] Result<rpc::BundlePart> make_bundle_part(const log::EventLog& log, const Interned& interned,
                                                       const rpc::BundleSelection& selection, Sequence cursor,
                                                       std::size_t max_bytes);

}  // namespace banger::bangerd
