#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/times.h"
#include "tests/catch.h"

using namespace banger::ctl;

TEST_CASE("hostile text becomes one harmless line") {
  CHECK(escape("web-1") == "web-1");
  CHECK(escape("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(escape("\x1b[31mred") == "\\x1b[31mred");
  CHECK(escape("a\nb\tc\rd") == "a\\nb\\tc\\x0dd");
  CHECK(escape("\xff\xfe") == "\\xff\\xfe");
  CHECK(escape("\xc2\x9b"
               "31m") == "\\u{009b}31m");                                // CSI as one character
  CHECK(escape("x\xe2\x80\xaey") == "x\\u{202e}y");                      // text turned around
  CHECK(escape("\xc0\xaf\xed\xa0\x80") == "\\xc0\\xaf\\xed\\xa0\\x80");  // overlong, surrogate
  CHECK(escape(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(escape("\xe2\x82") == "\\xe2\\x82");  // cut short
}

TEST_CASE("a guest's console keeps its lines and loses its escape sequences") {
  CHECK(neutralise("plain\r\n\ttext\n") == "plain\n\ttext\n");
  CHECK(neutralise("\x1b[1;31mred\x1b[0m\n") == "red\n");
  CHECK(neutralise("\x1b]0;title\x07"
                   "a\x1b]52;c;ZXZpbA==\x1b\\b") == "ab");
  CHECK(neutralise("\x1bPq#0\x1b\\c\x1b(Bd") == "cd");
  CHECK(neutralise("\xc2\x9b"
                   "2Jx\xff") == "2Jx?");
  // An unended string swallows its own line only, and an escape at the end nothing.
  CHECK(neutralise("\x1b]0;never ended\nnext\n\x1b") == "\nnext\n");
  CHECK(neutralise("\x1b[") == "");
  CHECK(neutralise("\b\b\bfake") == "fake");
}

TEST_CASE("no byte that is left by neutralise or escape is a control character") {
  std::string all;
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      all += static_cast<char>(first);
      all += static_cast<char>(second);
    }
  }
  for (const char c : escape(all)) REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
  for (const char c : neutralise(all)) {
    REQUIRE((static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t'));
    REQUIRE(c != 0x7f);
  }
}

TEST_CASE("tables are aligned by what is seen, and colour only on demand") {
  Table table({"NAME", "STATE", "X"});
  table.add({"web", "running", "1"});
  table.tone(Tone::kGood, 1);
  table.add({"caf\xc3\xa9-long\n", "", "22"});
  CHECK(table.text({}) ==
        "NAME         STATE    X\n"
        "web          running  1\n"
        "caf\xc3\xa9-long\\n  -        22\n");
  CHECK(table.text({.terminal = true, .colour = true}) ==
        "\x1b[1mNAME\x1b[0m         \x1b[1mSTATE\x1b[0m    \x1b[1mX\x1b[0m\n"
        "web          \x1b[32mrunning\x1b[0m  1\n"
        "caf\xc3\xa9-long\\n  -        22\n");
  CHECK(Table({"A", "B"}).text({}) == "A  B\n");
}

TEST_CASE("on a terminal a table fits the width: the widest columns are cut, none below its title") {
  Table table({"NAME", "IMAGE", "PORTS"});
  table.add({"web", "debian-with-everything", "ssh:21001, 127.0.0.1:8080->80/tcp"});
  table.tone(Tone::kGood, 0);
  table.add({"db", "tiny", ""});
  CHECK(table.text({.terminal = true, .unicode = true, .columns = 44}) ==
        "  NAME  IMAGE              PORTS\n"
        "● web   debian-with-ever…  ssh:21001, 127.0…\n"
        "  db    tiny               -\n");
  CHECK(table.text({.terminal = true, .columns = 30}) ==
        "NAME  IMAGE        PORTS\n"
        "web   debian-w...  ssh:2100...\n"
        "db    tiny         -\n");
  CHECK(table.text({.terminal = true, .columns = 5}) ==
        "NAME  IMAGE  PORTS\n"
        "web   de...  ss...\n"
        "db    tiny   -\n");
  // No terminal, no cutting.
  CHECK(table.text({}).find("127.0.0.1:8080->80/tcp\n") != std::string::npos);
}

TEST_CASE("instants are shown as the user wants them") {
  const std::int64_t then = now_ns() - 150ll * 1'000'000'000;
  wishes() = {};
  CHECK(when(then) == "2m ago");
  CHECK(when(now_ns() + 3'700ll * 1'000'000'000) == "in 1h");
  CHECK(when(0).empty());
  CHECK(when_in_full(then) == iso_time(then) + " (2m ago)");
  CHECK(age_title() == "AGE");
  CHECK(age_cell(then) == "2m");
  const std::int64_t fixed = 1'700'000'003'042'000'000;
  wishes().times = TimeStyle::kUtc;
  CHECK(when(fixed) == "2023-11-14 22:13:23 UTC");
  CHECK(age_title() == "CREATED");
  wishes().times = TimeStyle::kIso;
  CHECK(when(fixed) == "2023-11-14T22:13:23.042Z");
  CHECK(when_in_full(fixed) == "2023-11-14T22:13:23.042Z");
  CHECK(age_cell(fixed) == "2023-11-14T22:13:23.042Z");
  wishes() = {};
}

TEST_CASE("one thing with many fields") {
  CHECK(describe({{"Name", "web"}, {"Last error", "\x1b[2Jgone"}, {"Id", ""}}) ==
        "Name:        web\nLast error:  \\x1b[2Jgone\nId:          -\n");
}
