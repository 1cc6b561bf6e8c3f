// Rows of the daemon's projections, read in pages.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bangerctl/session.h"
#include "engine/state.h"
#include "projections/history.h"

namespace banger::ctl {

// By key, as stored.
using StoredRows = std::map<std::string, std::string>;
[[nodiscard]] Answer<StoredRows> read_rows(Session& session, const std::string& projection);
// Of several projections in this order, asked for at once: one way to the daemon and back where each fits a page.
[[nodiscard]] Answer<std::vector<StoredRows>> read_rows_of(
    Session& session, const std::vector<std::string_view>& projections);
// The row right after `key`, or an empty map.
[[nodiscard]] Answer<StoredRows> read_row_after(Session& session, const std::string& projection,
                                                const std::string& key);

// All VMs and images, oldest first.
[[nodiscard]] Answer<std::vector<VmRuntime>> read_vms(Session& session);
[[nodiscard]] Answer<std::vector<Image>> read_images(Session& session);
// The same of rows that were read already.
[[nodiscard]] Answer<std::vector<VmRuntime>> vms_of(const StoredRows& rows);
[[nodiscard]] Answer<std::vector<Image>> images_of(const StoredRows& rows);
// By name, id or unique prefix of an id, as the daemon resolves them.
[[nodiscard]] Answer<Image> find_image(Session& session, const std::string& reference);

}  // namespace banger::ctl
