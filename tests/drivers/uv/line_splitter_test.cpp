#include "drivers/uv/line_splitter.h"

#include <vector>

#include "tests/catch.h"

using banger::uv::LineSplitter;

namespace {

std::vector<std::string> lines(std::string_view text, size_t piece, size_t max = 8) {
  std::vector<std::string> got;
  LineSplitter splitter(max, [&](std::string_view line) { got.emplace_back(line); });
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    splitter.feed(text.substr(0, piece));
  }
  splitter.finish();
  return got;
}

}  // namespace

TEST_CASE("lines are the same however the bytes arrive") {
  const std::string text = "one\n\ntwo three\n12345678\n123456789\nlast";
  const std::vector<std::string> expected{"one", "", "two thre", "12345678", "12345678", "last"};
  for (size_t piece = 1; piece <= text.size(); ++piece) CHECK(lines(text, piece) == expected);
}

TEST_CASE("nothing gives no line, and a newline at the end no empty one") {
  CHECK(lines("", 1).empty());
  CHECK(lines("a\n", 1) == std::vector<std::string>{"a"});
}
