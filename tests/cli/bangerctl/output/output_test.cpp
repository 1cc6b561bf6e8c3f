// What results look like on which terminal, without one.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/bangerctl/output/bar.h"
#include "cli/bangerctl/output/fit.h"
#include "cli/bangerctl/output/pager.h"
#include "drivers/uv/fd.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::ctl;

namespace {

Variables variables(std::map<std::string, std::string> all) {
  return [all = std::move(all)](const char* name) {
    const auto found = all.find(name);
    return found == all.end() ? nullptr : found->second.c_str();
  };
}

}  // namespace

TEST_CASE("what a terminal can show is told by its size and the environment") {
  const Look usual = terminal_look(120, 40, variables({{"TERM", "xterm"}, {"LANG", "C.UTF-8"}}));
  CHECK(usual.terminal);
  CHECK(usual.colour);
  CHECK(usual.unicode);
  CHECK(usual.columns == 120);
  CHECK(usual.rows == 40);
  CHECK_FALSE(terminal_look(80, 24, variables({{"TERM", "xterm"}, {"NO_COLOR", "1"}})).colour);
  CHECK(terminal_look(80, 24, variables({{"TERM", "xterm"}, {"NO_COLOR", ""}})).colour);
  CHECK_FALSE(terminal_look(80, 24, variables({{"TERM", "dumb"}})).colour);
  CHECK_FALSE(terminal_look(80, 24, variables({})).colour);
  // LC_ALL goes before LANG.
  CHECK_FALSE(
      terminal_look(80, 24, variables({{"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}})).unicode);
  CHECK(terminal_look(80, 24, variables({{"LC_CTYPE", "en_US.utf8"}})).unicode);
  const Look unknown = terminal_look(0, 0, variables({{"COLUMNS", "99"}, {"LINES", "-3"}}));
  CHECK(unknown.columns == 99);
  CHECK(unknown.rows == 24);
  CHECK(terminal_look(0, 0, variables({})).columns == 80);
}

TEST_CASE("the widest columns give, and none more than it may") {
  using Widths = std::vector<std::size_t>;
  CHECK(fit_columns({4, 30, 10}, {4, 5, 5}, 0) == Widths{4, 30, 10});
  CHECK(fit_columns({4, 30, 10}, {4, 5, 5}, 48) == Widths{4, 30, 10});
  CHECK(fit_columns({4, 30, 10}, {4, 5, 5}, 40) == Widths{4, 22, 10});
  CHECK(fit_columns({4, 30, 10}, {4, 5, 5}, 24) == Widths{4, 8, 8});
  CHECK(fit_columns({4, 30, 10}, {4, 5, 5}, 1) == Widths{4, 5, 5});
  CHECK(fit_columns({}, {}, 10).empty());
}

TEST_CASE("a cut text ends between characters") {
  CHECK(cut("short", 5, true) == "short");
  CHECK(cut("longer", 5, true) == "long…");
  CHECK(cut("longer", 5, false) == "lo...");
  CHECK(cut("longer", 3, false) == "lon");
  CHECK(cut("caf\xc3\xa9 noir", 5, true) == "caf\xc3\xa9…");
  CHECK(cut("x", 0, true).empty());
}

TEST_CASE("progress says how far, how fast and how long still") {
  const Look wide{.terminal = true, .unicode = true, .columns = 100};
  CHECK(progress_line("verify", "events", 500, 1000, 2000, wide) ==
        "verify ━━━━━━━━━━━━╸            50%  500 of 1000 events  (2.0 s, 2.0 s left)");
  CHECK(progress_line("verify", "events", 0, 1000, 100, {.terminal = true, .columns = 100}) ==
        "verify [>                       ] 0%  0 of 1000 events  (100 ms)");
  CHECK(progress_line("verify", "", 9, 3, 100, wide).find("100%  3 of 3  (") != std::string::npos);
  CHECK(progress_line("web is starting", "", 0, 0, 65'000, wide) == "web is starting  (1m05s)");
  CHECK(progress_line("copy", "files", 7, 0, 10, wide) == "copy  7 files  (10 ms)");
  const std::string narrow =
      progress_line("verify", "events", 500, 1000, 2000,
                    {.terminal = true, .unicode = true, .columns = 20});
  CHECK(width(narrow) == 19);
}

TEST_CASE("the pager is the user's, else less, else none") {
  CHECK(pager_command(variables({{"BANGER_PAGER", "most"}, {"PAGER", "more"}})) == "most");
  CHECK(pager_command(variables({{"PAGER", "more"}})) == "more");
  CHECK(pager_command(variables({{"PAGER", "cat"}, {"PATH", "/usr/bin"}})).empty());
  CHECK(pager_command(variables({{"PAGER", ""}, {"PATH", "/usr/bin"}})).empty());
  CHECK(pager_command(variables({{"PATH", "/nowhere"}})).empty());
  CHECK(pager_command(variables({})).empty());
}

TEST_CASE("what fits the screen is written at once; more goes through the pager") {
  std::string dir = "/tmp/ctl-pager-XXXXXX";
  REQUIRE(::mkdtemp(dir.data()) != nullptr);
  const auto text_of = [&](const std::string& name) {
    std::ifstream in(dir + "/" + name);
    std::ostringstream all;
    all << in.rdbuf();
    return all.str();
  };
  const Fd out(::open((dir + "/out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  {
    Pager pager("sed 's/^/paged: /'", 3, out.get());
    CHECK(pager.write("one\n").value());
    CHECK(pager.write("two\n").value());
    CHECK(text_of("out").empty());
    REQUIRE(pager.finish());
    CHECK(text_of("out") == "one\ntwo\n");
  }
  {
    Pager pager("sed 's/^/paged: /'", 3, out.get());
    CHECK(pager.write("one\ntwo\n").value());
    CHECK(pager.write("three\n").value());
    CHECK(pager.write("four\n").value());
    REQUIRE(pager.finish());
    CHECK(text_of("out") == "one\ntwo\npaged: one\npaged: two\npaged: three\npaged: four\n");
  }
  {
    // A reader that leaves early: sooner or later nobody takes the rest.
    Pager pager("exec true", 1, out.get());
    bool wanted = true;
    for (int i = 0; i < 1000 && wanted; ++i) {
      const auto more = pager.write(std::string(4096, 'x') + "\n");
      REQUIRE(more);
      wanted = *more;
    }
    CHECK_FALSE(wanted);
    REQUIRE(pager.finish());
  }
  std::filesystem::remove_all(dir);
}
