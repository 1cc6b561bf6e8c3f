#include <algorithm>
#include <sstream>

#include "tests/cli/bangerctl/support.h"

using namespace banger::ctl::test;

TEST_CASE(
    "a command line that makes no sense ends with 2, one line and a hint, and starts nothing") {
  const Place place;
  const std::vector<std::vector<std::string>> bad{
      {},
      {"frob"},
      {"vm"},
      {"vm", "frob"},
      {"vm", "start"},
      {"vm", "start", "web", "--frob"},
      {"vm", "create", "--vcpus", "0"},
      {"vm", "create", "--vcpus", "-1"},
      {"vm", "create", "--vcpus", "two"},
      {"vm", "create", "--memory", "lots"},
      {"vm", "create", "--memory", "0"},
      {"vm", "create", "--disk", "1GB"},
      {"vm", "create", "--net", "tap"},
      {"vm", "create", "-p", "0:80"},
      {"vm", "create", "extra"},
      {"vm", "run", "-d", "--", "true"},
      {"vm", "run", "--rm", "-d"},
      {"vm", "exec", "web"},
      {"vm", "exec", "web", "--timeout", "0", "--", "true"},
      {"vm", "exec", "web", "--env", "NOVALUE", "--", "true"},
      {"vm", "exec", "web", "ls", "-la"},
      {"vm", "stop", "web", "-t", "soon"},
      {"vm", "set", "web"},
      {"vm", "wait", "web", "--for", "christmas"},
      {"vm", "ls", "-o", "xml"},
      {"vm", "ls", "--", "x"},
      {"events", "ls", "--kind", "vm_exploded"},
      {"events", "show", "first"},
      {"events", "ls", "--since", "-1"},
      {"image", "import", "only-a-name"},
      {"projection", "dump"},
  };
  for (const auto& words : bad) {
    std::string line;
    for (const auto& word : words) line += word + " ";
    INFO(line);
    const Ran ran = place.run(words);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with("bangerctl: "));
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') <= 2);
  }
  CHECK(place.lines("pids").empty());
}

// Only the part of the tree that the words name is built.
TEST_CASE("each word of --help is known when it is the only one of them") {
  const Place place;
  std::istringstream help(place.run({"--help"}).out);
  std::string line;
  while (std::getline(help, line) && line != "Subcommands:") {}
  std::vector<std::string> nouns;
  while (std::getline(help, line) && line.starts_with("  ")) {
    if (line[2] != ' ') nouns.push_back(line.substr(2, line.find(' ', 2) - 2));
  }
  REQUIRE(nouns.size() >= 12);
  for (const std::string& noun : nouns) {
    INFO(noun);
    const Ran ran = place.run({"--no-autostart", noun, "--frob"});
    CHECK(ran.code == 2);
    CHECK(ran.err.find("try: bangerctl " + noun) != std::string::npos);
  }
}

TEST_CASE("a noun behind another is a name like any other") {
  const Place place;
  for (const char* name : {"image", "complete", "manual", "df"}) {
    INFO(name);
    const Ran ran = place.run({"vm", "start", name});
    CHECK(ran.code == 0);
    CHECK(ran.out == std::string(name) + "\n");
  }
}

TEST_CASE("help and version need no daemon") {
  const Place place;
  const Ran help = place.run({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("Exit codes") != std::string::npos);
  CHECK(place.run({"vm", "run", "--help"}).out.find("--memory") != std::string::npos);
  const Ran version = place.run({"version", "-o", "json"});
  CHECK(version.code == 0);
  CHECK(version.out.find("\"bangerd\":null") != std::string::npos);
  CHECK(place.lines("pids").empty());
}

TEST_CASE("an unknown option of a guest's command is told to stand behind --") {
  const Place place;
  CHECK(place.run({"vm", "exec", "web", "ls", "-la"}).err.find("put --") != std::string::npos);
}

TEST_CASE("a VM may be called like a verb") {
  const Place place;
  const Ran ran = place.run({"vm", "show", "ls"});
  CHECK(ran.code == 1);
  CHECK(ran.err.find("there is no VM 'ls'") != std::string::npos);
}
