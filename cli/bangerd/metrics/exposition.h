// Prometheus's text format, version 0.0.4: families of samples with HELP and TYPE lines. Pure; a
// name or label that breaks the format's rules is a bug.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace banger::bangerd {

struct Label {
  std::string_view name;
  std::string value;
};

// How often a duration was at most so long: buckets in seconds, as Prometheus counts them.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds_s);
  void observe(std::uint64_t us);

  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }
  // Of those at most bounds()[i]; the last entry is of all.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t sum_us() const { return sum_us_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t sum_us_ = 0;
};

class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value);
  void gauge(std::string_view name, std::string_view help, double value);
  // One family with a sample for each label.
  void gauges(std::string_view name, std::string_view help,
              const std::vector<std::pair<Label, double>>& samples);
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram);
  // A summary without quantiles: how many, and how long together.
  void summary(std::string_view name, std::string_view help, std::uint64_t count,
               std::uint64_t sum_us);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void family(std::string_view name, std::string_view help, std::string_view type);
  void sample(std::string_view name, const std::vector<Label>& labels, double value);
  std::string text_;
};

}  // namespace banger::bangerd
