// Words that have broken quoters, each through three real shells and back.
#include "drivers/guest/quote.h"

#include <array>

#include "tests/catch.h"
#include "tests/drivers/guest/child.h"

using namespace banger::guest;

namespace {

std::string run_in(std::vector<std::string> shell, const std::string& script) {
  shell.insert(shell.end(), {"-c", script});
  auto output = run_child(shell);
  CHECK(output.code == 0);
  return output.out;
}

std::vector<std::string> hostile() {
  std::vector<std::string> words{"",     " ",     "-n",     "--",      "-",        "'",     "''",
                                 "\"",   "\\",    "\\\\'",  "a'b\"c",  "$(id)",    "`id`",  "$HOME",
                                 "${x}", "*",     "?[a-z]", "~root",   "a;b",      "a&&b",  "|cat",
                                 ">x",   "#no",   "!!",     "a=b",     "\n",       "a\n\n", "\t x ",
                                 "\r\n", "{a,b}", "%s%n",   "\x1b[0m", "\xff\xfe", "\x80"};
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
  words.push_back(every);
  words.push_back(std::string(50'000, '\''));
  return words;
}

}  // namespace

TEST_CASE("every word comes back from every shell as it was") {
  const std::vector<std::vector<std::string>> shells{{"sh"}, {"bash"}, {"busybox", "sh"}};
  const auto words = hostile();
  std::string expected;
  for (const auto& word : words) expected += word + '\0';
  auto line = quote_words(words);
  REQUIRE(line);
  // One shell's output feeds no other: each reads the words itself, in one go and one by one.
  for (const auto& shell : shells) {
    INFO(shell.back() << " of " << shell.front());
    std::string together =
        run_in(shell, "for w in " + std::string() +
                          quote_words(std::span(words).first(words.size() - 1)).value() +
                          "; do printf '%s\\0' \"$w\"; done");
    CHECK(together == expected.substr(0, expected.size() - words.back().size() - 1));
    std::string nested = "printf %s " + quote(words[9]).value();
    CHECK(run_in(shell, "sh -c " + quote(nested).value()) == words[9]);
    CHECK(run_in(shell, "printf %s " + quote(words.back().substr(0, 20'000)).value()) ==
          words.back().substr(0, 20'000));
  }
}

TEST_CASE("a NUL is refused and not cut") {
  CHECK_FALSE(quote(std::string_view("a\0b", 3)));
  const std::array<std::string, 2> words{"ok", std::string("\0", 1)};
  CHECK_FALSE(quote_words(words));
}
