// banger-log as a script sees it: exit codes, and output that parses.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/events/log/support.h"

namespace banger::log::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Place {
  TempDir dir;
  LogPaths paths = dir.log();

  Place() { REQUIRE(run_victim(paths, {"append", "20", "exact"}).exit_code == 0); }

  ProgramEnd run(std::vector<std::string> words) {
    words.insert(words.begin(), {BANGER_LOG_PROGRAM, "--log", paths.path.string(), "--anchor",
                                 paths.anchor_dir.string()});
    return run_program(std::move(words), dir.path() / "said");
  }

  Json json(std::vector<std::string> words, int exit_code) {
    words.insert(words.end(), {"-o", "json"});
    const ProgramEnd end = run(std::move(words));
    REQUIRE(end.exit_code == exit_code);
    return Json::parse(end.out);
  }
};

TEST_CASE("a sound log: verify and stat say so, repair leaves it alone") {
  Place place;
  const Json report = place.json({"verify"}, 0);
  REQUIRE(report["ok"] == true);
  REQUIRE(report["events"] == 20);
  REQUIRE(report["problems"].empty());
  const Json stat = place.json({"stat"}, 0);
  REQUIRE(stat["head"] == 20);
  REQUIRE(stat["chain"] == report["chain"]);
  REQUIRE(stat["epochs"][0]["reason"] == "created");
  REQUIRE(place.json({"repair"}, 0)["replaced"] == false);
  const ProgramEnd table = place.run({"verify"});
  REQUIRE(table.exit_code == 0);
  REQUIRE_THAT(table.out, Catch::Contains("events          20\n") && Catch::EndsWith("sound\n"));
}

TEST_CASE("a damaged log: verify exits 3, repair refuses to lose until it is told to") {
  Place place;
  const fs::path wal = largest(place.paths, ".log");
  fs::resize_file(wal, fs::file_size(wal) - 5);
  const Json report = place.json({"verify"}, 3);
  REQUIRE(report["ok"] == false);
  REQUIRE(report["problems"].size() == 1);
  const ProgramEnd careful = place.run({"repair"});
  REQUIRE(careful.exit_code == 1);
  REQUIRE(careful.out.empty());
  const Json repaired = place.json({"repair", "--accept-loss"}, 0);
  REQUIRE(repaired["head"] == 19);
  REQUIRE(repaired["epoch"]["reason"] == "loss_accepted");
  REQUIRE(fs::exists(repaired["kept_aside"].get<std::string>()));
  REQUIRE(place.json({"verify"}, 0)["epoch"] == 2);
}

TEST_CASE("backup and restore go round") {
  Place place;
  const std::string backup = (place.dir.path() / "backup").string();
  REQUIRE(place.json({"backup", backup}, 0)["backup"] == backup);
  REQUIRE(place.run({"backup", backup}).exit_code == 1);
  fs::remove_all(place.paths.db());
  REQUIRE(place.run({"backup", backup + "2"}).exit_code == 1);
  REQUIRE(place.json({"restore", backup}, 0)["head"] == 20);
  REQUIRE(place.json({"verify"}, 0)["epoch"] == 2);
}

TEST_CASE("bad usage exits 2, an open or absent log 1") {
  Place place;
  REQUIRE(place.run({}).exit_code == 2);
  REQUIRE(place.run({"verify", "--nope"}).exit_code == 2);
  REQUIRE(place.run({"stat", "-o", "xml"}).exit_code == 2);
  REQUIRE(place.run({"restore", "/nonexistent"}).exit_code == 2);
  REQUIRE(place.run({"--help"}).exit_code == 0);
  {
    const OpenLog open(place.paths);
    for (const char* verb : {"verify", "stat", "repair"}) {
      REQUIRE(place.run({verb}).exit_code == 1);
    }
  }
  place.paths.path = place.dir.path() / "nowhere";
  for (const char* verb : {"verify", "stat", "repair"}) REQUIRE(place.run({verb}).exit_code == 1);
  REQUIRE_FALSE(fs::exists(place.paths.path));
}

}  // namespace
}  // namespace banger::log::test
