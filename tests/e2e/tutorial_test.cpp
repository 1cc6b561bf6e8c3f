// docs/TUTORIAL.md, typed in by a machine: each command of its ```console blocks runs in one sandbox, in order, and
// prints what the page shows, but for numbers, ids, times and blanks.
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/catch.h"
#include "tests/e2e/sandbox.h"

namespace banger::e2e {
namespace {

struct Step {
  int line = 0;  // of the page
  std::string command;
  std::vector<std::string> shown;
};

std::vector<Step> steps_of(const std::string& page) {
  std::vector<Step> steps;
  std::ifstream in(page);
  REQUIRE(in);
  bool console = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.starts_with("```")) console = line == "```console";
    else if (console && line.starts_with("$ ")) steps.push_back({number, line.substr(2), {}});
    else if (console && !steps.empty()) steps.back().shown.push_back(line);
  }
  return steps;
}

// What does not depend on when and where: ids, numbers with their units, and how wide a column is.
std::string shape(std::string line) {
  static const std::regex kId("\\b[0-9a-f]{16,}\\b");
  static const std::regex kIso("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z");
  static const std::regex kNumber("[0-9]+(\\.[0-9]+)?( ?(us|ms|s|m|h|d)\\b)?");
  static const std::regex kBlanks("[ \\t]+");
  static const std::regex kRule("(-|=|─|━){3,}");
  line = std::regex_replace(line, kId, "ID");
  line = std::regex_replace(line, kIso, "TIME");
  line = std::regex_replace(line, kNumber, "N");
  line = std::regex_replace(line, kRule, "--");
  line = std::regex_replace(line, kBlanks, " ");
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

// The shown lines in their order; "..." stands for any lines, also at a line's end for its rest.
void check_shown(const Step& step, const std::string& output) {
  std::vector<std::string> lines;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) lines.push_back(shape(line));
  std::size_t at = 0;
  bool skipping = false;
  for (const std::string& each : step.shown) {
    if (each == "...") {
      skipping = true;
      continue;
    }
    std::string wanted = shape(each);
    const bool open = wanted.ends_with("...");
    if (open) wanted.resize(wanted.size() - 3);
    const auto fits = [&](const std::string& line) { return open ? line.starts_with(wanted) : line == wanted; };
    while (skipping && at < lines.size() && !fits(lines[at])) ++at;
    INFO("docs/TUTORIAL.md:" << step.line << ": " << step.command << "\nshown: " << wanted << "\nprinted:\n" << output);
    REQUIRE(at < lines.size());
    CHECK(fits(lines[at]));
    ++at;
    skipping = false;
  }
  INFO("docs/TUTORIAL.md:" << step.line << ": " << step.command << "\nprinted:\n" << output);
  CHECK((skipping || at == lines.size()));
}

}  // namespace

TEST_CASE("the tutorial's commands are there, and print what it shows") {
  const std::vector<Step> steps = steps_of(BANGER_SOURCE_DIR "/docs/TUTORIAL.md");
  REQUIRE(steps.size() > 8);
  Sandbox banger("tick_ms = 200\n[vmm]\nprogram = \"" BANGER_STUB_VMM "\"\naccel = \"tcg\"\n");
  banger.make_stub_image("tiny");
  for (const Step& step : steps) check_shown(step, banger.shell(step.command).out);
  CHECK(banger.leave() == "");
}

}  // namespace banger::e2e
