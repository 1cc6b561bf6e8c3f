// Rows of projections, as a start or a client takes them. One that can be read is the same when it is written again.
#include "projections/past.h"

#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

template <class Parse>
void check(std::string_view bytes, Parse parse) {
  const auto row = parse(bytes);
  if (!row) return;
  const std::string written = row_bytes(*row);
  const auto again = parse(written);
  BANGER_ASSERT(again && *again == *row && row_bytes(*again) == written);
}

void check_parked(std::string_view bytes) {
  const auto row = parse_parked_row(bytes);
  if (!row) return;
  const auto again = parse_parked_row(row_bytes(row->first, row->second));
  BANGER_ASSERT(again && *again == *row);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t chosen = static_cast<unsigned char>(bytes.front()) % std::size(kProjections);
  const ProjectionInfo& projection = kProjections[chosen];
  bytes.remove_prefix(1);
  if (projection.name == kVmRuntime.name) check(bytes, parse_vm_row);
  if (projection.name == kImages.name) check(bytes, parse_image_row);
  if (projection.name == kHistory.name) check(bytes, parse_history_row);
  if (projection.name == kHost.name) check(bytes, parse_host_row);
  if (projection.name == kTimes.name) check(bytes, parse_times_row);
  if (projection.name == kNames.name) check(bytes, parse_name_row);
  if (projection.name == kParkedStreams.name) check_parked(bytes);
  Fleet fleet;
  if (projection.of_fleet && load_row(fleet, projection.name, bytes)) rebuild_indexes(fleet);
}

}  // namespace banger::fuzz
