// The text that Prometheus reads, held to its format by a reader of our own.
#include <map>
#include <set>
#include <sstream>

#include "cli/bangerd/metrics/measures.h"
#include "tests/catch.h"

using namespace banger;
using namespace banger::bangerd;

namespace {

struct Family {
  std::string help, type;
  std::map<std::string, double> samples;  // by the rest of the name and the labels
};

// Strict: each sample stands behind the HELP and TYPE lines of its family, once.
std::map<std::string, Family> parse(const std::string& text) {
  std::map<std::string, Family> families;
  std::string current;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::istringstream words(line);
    std::string hash, keyword, name, rest;
    if (line.starts_with("# ")) {
      words >> hash >> keyword >> name;
      std::getline(words >> std::ws, rest);
      REQUIRE_FALSE(rest.empty());
      if (keyword == "HELP") {
        REQUIRE_FALSE(families.contains(name));
        families[current = name].help = rest;
      } else {
        REQUIRE(keyword == "TYPE");
        REQUIRE(name == current);
        families[name].type = rest;
      }
      continue;
    }
    const auto space = line.rfind(' ');
    REQUIRE(line.starts_with(current));
    const std::string key = line.substr(current.size(), space - current.size());
    REQUIRE_FALSE(families[current].samples.contains(key));
    families[current].samples[key] = std::stod(line.substr(space + 1));
  }
  REQUIRE(text.ends_with('\n'));
  return families;
}

}  // namespace

TEST_CASE("every number has its help, its type, and a name by Prometheus's conventions") {
  Measures measures{.version = "0.1.0",
                    .head_sequence = 42,
                    .appended = 7,
                    .parked = 1,
                    .shadow_folds = 2,
                    .last_shadow_fold_ns = 1'700'000'000'500'000'000,
                    .shadow_fold_to = 41,
                    .drifted_rows = 5,
                    .observations = 3,
                    .observed_us = 1'500'000,
                    .low_water = true};
  Fleet fleet;
  fleet.vms[VmId{1}].state = VmState::kRunning;
  fleet.vms[VmId{2}].state = VmState::kRunning;
  fleet.vms[VmId{3}].state = VmState::kError;
  count_fleet(fleet, measures);
  Histogram latency = commit_latency_histogram();
  latency.observe(300);
  latency.observe(40'000);
  auto families = parse(metrics_text(measures, latency));
  for (const auto& [name, family] : families) {
    INFO(name);
    CHECK(name.starts_with("banger_"));
    CHECK(family.help.ends_with('.'));
    CHECK((family.type == "counter") == name.ends_with("_total"));
    CHECK_FALSE(family.samples.empty());
  }
  CHECK(families["banger_build_info"].samples["{version=\"0.1.0\"}"] == 1);
  CHECK(families["banger_log_head_sequence"].samples[""] == 42);
  CHECK(families["banger_log_events_appended_total"].samples[""] == 7);
  CHECK(families["banger_log_low_water"].samples[""] == 1);
  CHECK(families["banger_vms"].samples["{state=\"running\"}"] == 2);
  CHECK(families["banger_vms"].samples["{state=\"error\"}"] == 1);
  CHECK(families["banger_vms"].samples["{state=\"stopped\"}"] == 0);  // named all the same
  CHECK(families["banger_vms"].samples.size() == 7);
  CHECK(families["banger_parked_streams"].samples[""] == 1);
  CHECK(families["banger_shadow_folds_total"].samples[""] == 2);
  CHECK(families["banger_shadow_fold_time_seconds"].samples[""] == 1'700'000'000.5);
  CHECK(families["banger_shadow_fold_sequence"].samples[""] == 41);
  CHECK(families["banger_drifted_rows"].samples[""] == 5);
  CHECK(families["banger_reconcile_observation_seconds"].type == "summary");
  CHECK(families["banger_reconcile_observation_seconds"].samples["_sum"] == 1.5);
  CHECK(families["banger_reconcile_observation_seconds"].samples["_count"] == 3);
  auto& commit = families["banger_log_commit_seconds"];
  CHECK(commit.type == "histogram");
  CHECK(commit.samples["_bucket{le=\"0.00025\"}"] == 0);
  CHECK(commit.samples["_bucket{le=\"0.0005\"}"] == 1);
  CHECK(commit.samples["_bucket{le=\"0.05\"}"] == 2);
  CHECK(commit.samples["_bucket{le=\"+Inf\"}"] == 2);
  CHECK(commit.samples["_count"] == 2);
  CHECK(commit.samples["_sum"] == Approx(0.0403));
}

TEST_CASE("label values cannot break out of their quotes") {
  Exposition out;
  out.gauges("x", "X.", {{{"a", "q\"b\\c\nd"}, 0.5}});
  CHECK(out.text() == "# HELP x X.\n# TYPE x gauge\nx{a=\"q\\\"b\\\\c\\nd\"} 0.5\n");
}
