// A table for people: columns aligned, text escaped. On a terminal it fits the width (the widest
// columns are cut, never below their titles), with colours and marks where the terminal has them;
// elsewhere the text is plain and whole. The last column is never padded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/bangerctl/failure.h"
#include "cli/bangerctl/output/look.h"

namespace banger::ctl {

enum class Tone { kPlain, kGood, kBad, kBusy, kFaint };

class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void add(std::vector<std::string> cells);  // as many as there are titles; escaped here
  void tone(Tone tone, std::size_t column);  // of a cell of the last row
  [[nodiscard]] std::string text(const Look& look) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<Tone> tones;
  };
  [[nodiscard]] std::vector<std::size_t> widths(const Look& look) const;
  [[nodiscard]] bool marked(std::size_t column, const Look& look) const;
  std::vector<std::string> titles_;
  std::vector<Row> rows_;
};

// The table on stdout; through a pager where it is longer than the screen.
[[nodiscard]] Answer<int> printed(const Table& table);

// A word in the colour of its tone and with its mark, where `look` has them.
[[nodiscard]] std::string toned(std::string_view word, Tone tone, const Look& look);

// "Name:    value" lines, for one thing with many fields.
[[nodiscard]] std::string describe(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace banger::ctl
