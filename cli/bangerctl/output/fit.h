// Text that fits: how wide the columns of a table may be, and what is left of a cell that is cut.
// Called by tables, event lines and progress. Pure; text is escaped before it comes here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace banger::ctl {

// Columns that escaped text takes: code points.
[[nodiscard]] std::size_t width(std::string_view text);

inline constexpr std::size_t kGap = 2;  // blanks between two columns

// `wanted` widths, narrowed until they and the gaps between them fit `columns` (0: no limit). The
// widest gives first; none gets narrower than its entry in `least`, even where that is too wide.
[[nodiscard]] std::vector<std::size_t> fit_columns(std::vector<std::size_t> wanted,
                                                   const std::vector<std::size_t>& least,
                                                   std::size_t columns);

// `text`, or its beginning and an ellipsis ("…", else "..." where there is room for more than that).
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns, bool unicode);

}  // namespace banger::ctl
