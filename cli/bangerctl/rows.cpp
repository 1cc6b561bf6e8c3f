#include "cli/bangerctl/rows.h"

#include <algorithm>

#include "cli/bangerctl/vm_watch.h"
#include "engine/decide.h"
#include "events/capnp_bytes.h"
#include "projections/rows.h"

namespace banger::ctl {
namespace {

constexpr std::uint32_t kPage = 256;

capnp::Data::Reader data_of_bytes(const std::string& bytes) {
  return {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
}

// What is read of one projection.
struct Listing {
  std::string projection;
  std::string after;  // the last key that came
  std::uint32_t limit = kPage;
  bool more = true;
  StoredRows rows = {};
};

// The next page of each that has more, all asked for at once.
Answer<void> read_pages(Session& session, std::vector<Listing>& listings) {
  std::vector<Listing*> open;
  for (Listing& each : listings) {
    if (each.more) open.push_back(&each);
  }
  const auto answers = session.call_each(open.size(), [&](schema::Control::Client control, std::size_t i) {
    auto request = control.projectionRowsRequest();
    request.setName(open[i]->projection);
    request.setAfterKey(data_of_bytes(open[i]->after));
    request.setLimit(open[i]->limit);
    return request.send();
  });
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto& answer = answers[i];
    if (!answer) return std::unexpected(answer.error());
    if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
    for (const auto row : answer->getRows()) {
      open[i]->after = bytes_of(row.getKey());
      open[i]->rows[open[i]->after] = bytes_of(row.getValue());
    }
    open[i]->more = answer->getMore() && answer->getRows().size() > 0;
  }
  return {};
}

template <class Row>
Answer<std::vector<Row>> parse_all(const StoredRows& rows, Result<Row> (*parse)(std::string_view)) {
  std::vector<Row> all;
  for (const auto& [key, value] : rows) {
    auto row = parse(value);
    if (!row) return std::unexpected(to_failure(std::move(row).error()));
    all.push_back(*std::move(row));
  }
  std::ranges::stable_sort(all, {}, &Row::created_at_ns);
  return all;
}

}  // namespace

Answer<std::vector<StoredRows>> read_rows_of(Session& session,
                                             const std::vector<std::string_view>& projections) {
  std::vector<Listing> listings;
  for (const std::string_view each : projections) listings.push_back({.projection = std::string(each)});
  while (std::ranges::any_of(listings, &Listing::more)) {
    const auto read = read_pages(session, listings);
    if (!read) return std::unexpected(read.error());
  }
  std::vector<StoredRows> all;
  for (Listing& each : listings) all.push_back(std::move(each.rows));
  return all;
}

Answer<StoredRows> read_rows(Session& session, const std::string& projection) {
  auto all = read_rows_of(session, {projection});
  if (!all) return std::unexpected(all.error());
  return std::move(all->front());
}

Answer<StoredRows> read_row_after(Session& session, const std::string& projection,
                                  const std::string& key) {
  std::vector<Listing> listings{{.projection = projection, .after = key, .limit = 1}};
  const auto read = read_pages(session, listings);
  if (!read) return std::unexpected(read.error());
  return std::move(listings.front().rows);
}

Answer<std::vector<VmRuntime>> vms_of(const StoredRows& rows) {
  return parse_all<VmRuntime>(rows, parse_vm_row);
}

Answer<std::vector<Image>> images_of(const StoredRows& rows) {
  return parse_all<Image>(rows, parse_image_row);
}

Answer<std::vector<VmRuntime>> read_vms(Session& session) {
  const auto rows = read_rows(session, std::string(kVmRuntime.name));
  if (!rows) return std::unexpected(rows.error());
  return vms_of(*rows);
}

Answer<std::vector<Image>> read_images(Session& session) {
  const auto rows = read_rows(session, std::string(kImages.name));
  if (!rows) return std::unexpected(rows.error());
  return images_of(*rows);
}

Answer<Image> find_image(Session& session, const std::string& reference) {
  auto images = read_images(session);
  if (!images) return std::unexpected(images.error());
  Fleet fleet;
  for (Image& image : *images) fleet.images[image.id] = std::move(image);
  rebuild_indexes(fleet);
  const auto id = resolve_image(fleet, reference);
  if (!id) return failed(id.error().message, id.error().hint);
  return fleet.images.at(*id);
}

}  // namespace banger::ctl
