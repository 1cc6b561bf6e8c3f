// What a benchmark found, beside its rival in the same run: a JSON object a line, or rows of a
// table. Ratios are what counts: absolute figures are this machine's, at that moment. A missed
// target is a figure like any other and never an error.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace banger::bench {

enum class Target { kAtMost, kAtLeast };

struct Figure {
  std::string name;  // ends in the unit of `ours` and `rival`
  double ours = 0;
  double rival = 0;
  Target sense = Target::kAtMost;
  double target = 0;                                         // of ours / rival
  std::vector<std::pair<std::string, double>> details = {};  // names with units, too

  [[nodiscard]] double ratio() const { return ours / rival; }
  [[nodiscard]] bool met() const {
    return sense == Target::kAtMost ? ratio() <= target : ratio() >= target;
  }
};

class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void add(const Figure& figure);
  // What is going on, for a person who waits: on stderr.
  static void progress(const std::string& what);

 private:
  bool json_;
  bool headed_ = false;
};

// The value below which `share` (0 to 1) of `values` lie; there must be some.
[[nodiscard]] double quantile(std::vector<double> values, double share);
[[nodiscard]] inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

}  // namespace banger::bench
