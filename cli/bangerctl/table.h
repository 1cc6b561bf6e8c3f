// A table for people: columns aligned, text escaped, colour where the terminal has it. The last
// column is never padded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace banger::ctl {

enum class Tone { kPlain, kGood, kBad, kBusy, kFaint };

class Table {
 public:
  explicit Table(std::vector<std::string> titles);
  void add(std::vector<std::string> cells);  // as many as there are titles; escaped here
  void tone(Tone tone, std::size_t column);  // of a cell of the last row
  [[nodiscard]] std::string text(bool colour) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<Tone> tones;
  };
  std::vector<std::string> titles_;
  std::vector<Row> rows_;
};

// "Name:    value" lines, for one thing with many fields.
[[nodiscard]] std::string describe(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace banger::ctl
