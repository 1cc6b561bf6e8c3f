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

// True where there is more behind what was added to `rows`.
Answer<bool> read_page(Session& session, const std::string& projection, const std::string& after,
                       std::uint32_t limit, StoredRows& rows) {
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.projectionRowsRequest();
    request.setName(projection);
    request.setAfterKey(data_of_bytes(after));
    request.setLimit(limit);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused())
    return std::unexpected(refusal(answer->getReply().getRefused()));
  for (const auto row : answer->getRows())
    rows[std::string(bytes_of(row.getKey()))] = bytes_of(row.getValue());
  return answer->getMore() && answer->getRows().size() > 0;
}

template <class Row>
Answer<std::vector<Row>> parse_all(const Answer<StoredRows>& rows,
                                   Result<Row> (*parse)(std::string_view)) {
  if (!rows) return std::unexpected(rows.error());
  std::vector<Row> all;
  for (const auto& [key, value] : *rows) {
    auto row = parse(value);
    if (!row) return std::unexpected(to_failure(std::move(row).error()));
    all.push_back(*std::move(row));
  }
  std::ranges::stable_sort(all, {}, &Row::created_at_ns);
  return all;
}

}  // namespace

Answer<StoredRows> read_rows(Session& session, const std::string& projection) {
  StoredRows rows;
  for (bool more = true; more;) {
    const std::string after = rows.empty() ? std::string() : rows.rbegin()->first;
    const auto page = read_page(session, projection, after, kPage, rows);
    if (!page) return std::unexpected(page.error());
    more = *page;
  }
  return rows;
}

Answer<StoredRows> read_row_after(Session& session, const std::string& projection,
                                  const std::string& key) {
  StoredRows rows;
  const auto page = read_page(session, projection, key, 1, rows);
  if (!page) return std::unexpected(page.error());
  return rows;
}

Answer<std::vector<VmRuntime>> read_vms(Session& session) {
  return parse_all<VmRuntime>(read_rows(session, std::string(kVmRuntime.name)), parse_vm_row);
}

Answer<std::vector<Image>> read_images(Session& session) {
  return parse_all<Image>(read_rows(session, std::string(kImages.name)), parse_image_row);
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
