// The benchmarks that need no guest run, and print what scripts/bench promises. No figure is
// looked at: this is not the place to say what is fast.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "drivers/host/child.h"
#include "tests/catch.h"
#include "tests/drivers/host/temp_dir.h"

using namespace banger;

namespace {

// The names of the figures that these benchmarks print.
std::set<std::string> figures_of(const std::vector<std::string>& benchmarks) {
  const test::TempDir dir;
  host::ChildSpec spec;
  spec.argv = {BANGER_BENCH, "--smoke", "--json", "--dir", dir.path()};
  spec.argv.insert(spec.argv.end(), benchmarks.begin(), benchmarks.end());
  spec.deadline = std::chrono::minutes(4);
  const auto ran = host::run_child(spec);
  REQUIRE(ran);
  INFO(ran->err);
  REQUIRE(ran->exit_code == 0);

  std::set<std::string> names;
  std::istringstream lines(ran->out);
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    names.insert(json.at("name").get<std::string>());
    CHECK(json.at("ours").get<double>() > 0);
    CHECK(json.at("rival").get<double>() > 0);
    CHECK(json.at("ratio").is_number());
    CHECK(json.at("target").is_number());
    CHECK(json.at("met").is_boolean());
  }
  CHECK(std::filesystem::is_empty(dir.path()));
  return names;
}

}  // namespace

TEST_CASE("the log's benchmarks print one object a line and leave nothing behind") {
  CHECK(figures_of({"log_append", "replay", "past"}) ==
        std::set<std::string>{"append_1_client_p50_us", "append_8_clients_per_s",
                              "append_64_clients_per_s", "append_64_clients_sqlite_per_s",
                              "replay_flat_file_per_s", "replay_sqlite_per_s",
                              "replay_verified_per_s", "log_bytes_per_event", "vm_show_at_p99_ms",
                              "vm_ls_at_worst_ms"});
}

TEST_CASE("so does that of followers, one of whom reads nothing") {
  CHECK(figures_of({"follow"}) ==
        std::set<std::string>{"follow_100_least_share", "follow_100_delivered_per_s",
                              "follow_100_lag_p99_ms", "follow_100_daemon_mib"});
}

TEST_CASE("so does that of the two observers, which both see every VM of a made-up host") {
  CHECK(figures_of({"observe"}) ==
        std::set<std::string>{"observe_10_ms", "observe_20_ms", "observe_growth_us_a_vm"});
}

TEST_CASE("a benchmark that nobody knows is refused") {
  const test::TempDir dir;
  host::ChildSpec spec;
  spec.argv = {BANGER_BENCH, "--dir", dir.path(), "warp_speed"};
  const auto ran = host::run_child(spec);
  REQUIRE(ran);
  CHECK(ran->exit_code != 0);
  CHECK(ran->out.empty());
}
