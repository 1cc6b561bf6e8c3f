#include "cli/bangerctl/table.h"

#include <algorithm>

#include "cli/bangerctl/terminal.h"
#include "events/assert.h"

namespace banger::ctl {
namespace {

std::string_view colour_of(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return {};
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kBusy:
      return "\x1b[33m";
    case Tone::kFaint:
      return "\x1b[2m";
  }
  return {};
}

}  // namespace

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}

void Table::add(std::vector<std::string> cells) {
  BANGER_ASSERT(cells.size() == titles_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : escape(cell);
  std::vector<Tone> tones(cells.size(), Tone::kPlain);
  rows_.push_back({std::move(cells), std::move(tones)});
}

void Table::tone(Tone tone, std::size_t column) {
  BANGER_ASSERT(!rows_.empty() && column < titles_.size());
  rows_.back().tones[column] = tone;
}

std::string Table::text(bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    std::size_t most = width(titles_[column]);
    for (const Row& row : rows_) most = std::max(most, width(row.cells[column]));
    widths.push_back(most);
  }
  std::string out;
  const auto put = [&](const std::string& cell, std::size_t column, Tone tone) {
    const std::string_view start = colour ? colour_of(tone) : std::string_view();
    out += start;
    out += cell;
    if (!start.empty()) out += "\x1b[0m";
    const bool last = column + 1 == titles_.size();
    out += last ? "\n" : std::string(widths[column] - width(cell) + 2, ' ');
  };
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    put(titles_[column], column, Tone::kPlain);
  }
  for (const Row& row : rows_) {
    for (std::size_t column = 0; column < titles_.size(); ++column) {
      put(row.cells[column], column, row.tones[column]);
    }
  }
  return out;
}

std::string describe(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t most = 0;
  for (const auto& [name, value] : fields) most = std::max(most, width(name));
  std::string out;
  for (const auto& [name, value] : fields) {
    const std::string shown = value.empty() ? "-" : escape(value);
    out += name + ":" + std::string(most - width(name) + 2, ' ') + shown + "\n";
  }
  return out;
}

}  // namespace banger::ctl
