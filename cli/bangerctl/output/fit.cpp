#include "cli/bangerctl/output/fit.h"

#include <numeric>

namespace banger::ctl {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The first `columns` characters.
std::string_view head(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  while (end < text.size() && columns > 0) {
    ++end;
    while (end < text.size() && continues(text[end])) ++end;
    --columns;
  }
  return text.substr(0, end);
}

}  // namespace

std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) columns += !continues(c);
  return columns;
}

std::vector<std::size_t> fit_columns(std::vector<std::size_t> wanted,
                                     const std::vector<std::size_t>& least, std::size_t columns) {
  if (columns == 0 || wanted.empty()) return wanted;
  std::size_t total = std::accumulate(wanted.begin(), wanted.end(), kGap * (wanted.size() - 1));
  while (total > columns) {
    std::size_t widest = wanted.size();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] <= least[i]) continue;
      if (widest == wanted.size() || wanted[i] > wanted[widest]) widest = i;
    }
    if (widest == wanted.size()) break;
    --wanted[widest];
    --total;
  }
  return wanted;
}

std::string cut(std::string_view text, std::size_t columns, bool unicode) {
  if (width(text) <= columns) return std::string(text);
  const std::string_view mark = unicode ? "…" : "...";
  if (columns <= width(mark)) return std::string(head(text, columns));
  return std::string(head(text, columns - width(mark))).append(mark);
}

}  // namespace banger::ctl
