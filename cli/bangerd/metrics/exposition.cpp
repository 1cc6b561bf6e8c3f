#include "cli/bangerd/metrics/exposition.h"

#include <array>
#include <charconv>

#include "events/assert.h"

namespace banger::bangerd {
namespace {

bool is_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (const char c : name) {
    if (!fits(c)) return false;
  }
  return !name.empty() && (name.front() < '0' || name.front() > '9');
}

// The shortest digits that read back as the same number, without an exponent.
std::string number(double value) {
  std::array<char, 512> text{};  // the largest double has 309 digits
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') text += "\\n";
    else text += c;
  }
  return text;
}

double seconds(std::uint64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

Histogram::Histogram(std::vector<double> bounds_s)
    : bounds_(std::move(bounds_s)), counts_(bounds_.size() + 1) {}

void Histogram::observe(std::uint64_t us) {
  for (std::size_t i = 0; i < bounds_.size(); ++i) counts_[i] += seconds(us) <= bounds_[i];
  ++counts_.back();
  sum_us_ += us;
}

void Exposition::family(std::string_view name, std::string_view help, std::string_view type) {
  BANGER_ASSERT(is_name(name) && help.find('\n') == std::string_view::npos);
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void Exposition::sample(std::string_view name, const std::vector<Label>& labels, double value) {
  text_.append(name);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    BANGER_ASSERT(is_name(labels[i].name));
    text_ += i == 0 ? "{" : ",";
    text_.append(labels[i].name).append("=\"").append(escaped(labels[i].value)).append("\"");
  }
  if (!labels.empty()) text_ += "}";
  text_.append(" ").append(number(value)).append("\n");
}

void Exposition::counter(std::string_view name, std::string_view help, std::uint64_t value) {
  BANGER_ASSERT(name.ends_with("_total"));
  family(name, help, "counter");
  sample(name, {}, static_cast<double>(value));
}

void Exposition::gauge(std::string_view name, std::string_view help, double value) {
  family(name, help, "gauge");
  sample(name, {}, value);
}

void Exposition::gauges(std::string_view name, std::string_view help,
                        const std::vector<std::pair<Label, double>>& samples) {
  family(name, help, "gauge");
  for (const auto& [label, value] : samples) sample(name, {label}, value);
}

void Exposition::histogram(std::string_view name, std::string_view help,
                           const Histogram& histogram) {
  family(name, help, "histogram");
  const std::string base(name);
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) {
    const bool all = i == histogram.bounds().size();
    sample(base + "_bucket", {{"le", all ? "+Inf" : number(histogram.bounds()[i])}},
           static_cast<double>(histogram.counts()[i]));
  }
  sample(base + "_sum", {}, seconds(histogram.sum_us()));
  sample(base + "_count", {}, static_cast<double>(histogram.counts().back()));
}

void Exposition::summary(std::string_view name, std::string_view help, std::uint64_t count,
                         std::uint64_t sum_us) {
  family(name, help, "summary");
  sample(std::string(name) + "_sum", {}, seconds(sum_us));
  sample(std::string(name) + "_count", {}, static_cast<double>(count));
}

}  // namespace banger::bangerd
