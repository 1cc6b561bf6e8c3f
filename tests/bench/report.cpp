#include "tests/bench/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "events/assert.h"

namespace banger::bench {
namespace {

using Json = nlohmann::ordered_json;

// Four significant digits: more would pretend to a precision that no shared machine has.
double rounded(double value) {
  if (value == 0) return 0;
  const double scale = std::pow(10.0, 3 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

Json to_json(const Figure& figure) {
  Json json{{"name", figure.name},
            {"ours", rounded(figure.ours)},
            {"rival", rounded(figure.rival)},
            {"ratio", rounded(figure.ratio())},
            {"target", figure.target},
            {"target_is", figure.sense == Target::kAtMost ? "at most" : "at least"},
            {"met", figure.met()}};
  for (const auto& [name, value] : figure.details) json[name] = rounded(value);
  return json;
}

}  // namespace

void Report::add(const Figure& figure) {
  if (json_) {
    std::printf("%s\n", to_json(figure).dump().c_str());
  } else {
    if (!headed_) {
      std::printf("%-26s %12s %12s %8s %10s  %s\n", "NAME", "OURS", "RIVAL", "RATIO", "TARGET",
                  "MET");
    }
    headed_ = true;
    std::printf("%-26s %12.6g %12.6g %8.3g %3s %6.3g  %s\n", figure.name.c_str(),
                rounded(figure.ours), rounded(figure.rival), rounded(figure.ratio()),
                figure.sense == Target::kAtMost ? "<=" : ">=", figure.target,
                figure.met() ? "yes" : "no");
    for (const auto& [name, value] : figure.details) {
      std::printf("    %-26s %9.6g\n", name.c_str(), rounded(value));
    }
  }
  std::fflush(stdout);
}

void Report::progress(const std::string& what) {
  std::fprintf(stderr, "bench: %s\n", what.c_str());
}

double quantile(std::vector<double> values, double share) {
  BANGER_ASSERT(!values.empty());
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[static_cast<std::size_t>(place)];
}

}  // namespace banger::bench
