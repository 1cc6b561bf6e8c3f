#include "drivers/guest/quote.h"

namespace banger::guest {

// Always within single quotes, where the shell knows no special character but the quote itself: a
// list of "safe" characters would be one more thing to get wrong.
Result<std::string> quote(std::string_view word) {
  if (word.find('\0') != std::string_view::npos) {
    return fail("a command's word holds a NUL byte, which no program can be given");
  }
  std::string quoted = "'";
  for (char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  quoted += '\'';
  return quoted;
}

Result<std::string> quote_words(std::span<const std::string> words) {
  std::string line;
  for (const std::string& word : words) {
    auto quoted = quote(word);
    if (!quoted) return quoted;
    if (!line.empty()) line += ' ';
    line += *quoted;
  }
  return line;
}

}  // namespace banger::guest
