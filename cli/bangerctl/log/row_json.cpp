#include "cli/bangerctl/log/row_json.h"

#include "projections/past.h"

namespace banger::ctl {
namespace {

template <class Row>
Result<Json> as_json(const Result<Row>& row) {
  if (!row) return std::unexpected(row.error());
  return to_json(*row);
}

// A snapshot is the row of the stream that its key begins with.
Result<Json> snapshot_json(std::string_view key, std::string_view bytes) {
  const auto kind = key.size() < 2 ? 0 : static_cast<unsigned char>(key[0]) << 8 | static_cast<unsigned char>(key[1]);
  if (kind == static_cast<int>(StreamKind::kVm)) return as_json(parse_vm_row(bytes));
  if (kind == static_cast<int>(StreamKind::kImage)) return as_json(parse_image_row(bytes));
  return as_json(parse_host_row(bytes));
}

}  // namespace

Result<Json> row_json(std::string_view projection, std::string_view key, std::string_view bytes) {
  if (projection == kVmRuntime.name) return as_json(parse_vm_row(bytes));
  if (projection == kImages.name) return as_json(parse_image_row(bytes));
  if (projection == kHistory.name) return as_json(parse_history_row(bytes));
  if (projection == kHost.name) return as_json(parse_host_row(bytes));
  if (projection == kSnapshots.name) return snapshot_json(key, bytes);
  if (projection == kTimes.name) return as_json(parse_times_row(bytes));
  if (projection == kNames.name) return as_json(parse_name_row(bytes));
  if (projection == kParkedStreams.name) {
    const auto row = parse_parked_row(bytes);
    if (!row) return std::unexpected(row.error());
    return to_json(row->first, row->second);
  }
  return fail("this bangerctl does not know the rows of projection '" + std::string(projection) +
              "'");
}

}  // namespace banger::ctl
