// A bundle as bangerctl uses it: proved whole first, then its events decoded one by one.
#pragma once

#include <functional>

#include "cli/bangerctl/failure.h"
#include "events/bundle/reader.h"
#include "events/codec.h"

namespace banger::ctl {

// An event that is in the bundle, or why it cannot be read.
struct BundledRecord {
  Sequence sequence = 0;
  Digest digest{};
  Result<EventRecord> record;
  bool erased = false;
  std::string_view open;  // as stored; during the visit
};

// Reads the file twice: nothing is visited of one that is damaged anywhere. False from the visitor ends it.
[[nodiscard]] Answer<bundle::Summary> visit_bundle(const std::string& path,
                                                   const std::function<Answer<bool>(const BundledRecord&)>& visit);

}  // namespace banger::ctl
