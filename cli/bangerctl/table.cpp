#include "cli/bangerctl/table.h"

#include <algorithm>

#include "cli/bangerctl/output/fit.h"
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

// A state is told by more than its colour. Each mark is kMarkWidth columns wide.
std::string_view mark_of(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "  ";
    case Tone::kGood:
      return "● ";
    case Tone::kBad:
      return "✗ ";
    case Tone::kBusy:
      return "◐ ";
    case Tone::kFaint:
      return "○ ";
  }
  return "  ";
}

constexpr std::size_t kMarkWidth = 2;
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlainAgain = "\x1b[0m";

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

bool Table::marked(std::size_t column, const Look& look) const {
  return look.unicode && std::ranges::any_of(rows_, [column](const Row& row) {
           return row.tones[column] != Tone::kPlain;
         });
}

std::vector<std::size_t> Table::widths(const Look& look) const {
  std::vector<std::size_t> wanted, least;
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    const std::size_t mark = marked(column, look) ? kMarkWidth : 0;
    least.push_back(width(titles_[column]) + mark);
    wanted.push_back(least.back());
    for (const Row& row : rows_) {
      wanted.back() = std::max(wanted.back(), width(row.cells[column]) + mark);
    }
  }
  return fit_columns(std::move(wanted), least, look.columns);
}

std::string Table::text(const Look& look) const {
  const std::vector<std::size_t> widths = this->widths(look);
  std::string out;
  const auto put = [&](const std::string& cell, std::size_t column, std::string_view start,
                       std::string_view mark) {
    const std::size_t room = widths[column] - (mark.empty() ? 0 : kMarkWidth);
    const std::string shown = look.terminal ? cut(cell, room, look.unicode) : cell;
    out.append(start).append(mark).append(shown);
    if (!start.empty()) out += kPlainAgain;
    const bool last = column + 1 == titles_.size();
    out += last ? "\n" : std::string(room - width(shown) + kGap, ' ');
  };
  for (std::size_t column = 0; column < titles_.size(); ++column) {
    put(titles_[column], column, look.colour ? kBold : "", marked(column, look) ? "  " : "");
  }
  for (const Row& row : rows_) {
    for (std::size_t column = 0; column < titles_.size(); ++column) {
      const Tone tone = row.tones[column];
      put(row.cells[column], column, look.colour ? colour_of(tone) : std::string_view(),
          marked(column, look) ? mark_of(tone) : std::string_view());
    }
  }
  return out;
}

std::string toned(std::string_view word, Tone tone, const Look& look) {
  std::string text(look.colour ? colour_of(tone) : std::string_view());
  if (look.unicode) text += mark_of(tone);
  text += word;
  if (look.colour && tone != Tone::kPlain) text += kPlainAgain;
  return text;
}

Answer<int> printed(const Table& table) { return printed(table.text(stdout_look())); }

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
