#include "projections/check.h"

namespace banger {

std::uint64_t CheckReport::drifted() const {
  std::uint64_t sum = 0;
  for (const CheckedProjection& each : projections) sum += each.drifted;
  return sum;
}

RowCheck::RowCheck(std::string_view projection, std::map<std::string, std::string> folded)
    : folded_(std::move(folded)), next_(folded_.begin()) {
  result_.name = projection;
  result_.rows = folded_.size();
  for (const auto& [key, value] : folded_) result_.bytes += key.size() + value.size();
}

void RowCheck::drift(std::string_view key, std::string_view stored, std::string_view folded) {
  if (result_.drifted++ == 0) result_.example = key;
  if (rows_.size() < kMaxDriftedRows) {
    rows_.push_back({result_.name, std::string(key), std::string(stored), std::string(folded)});
  }
}

void RowCheck::missing_before(std::string_view key) {
  for (; next_ != folded_.end() && next_->first < key; ++next_) drift(next_->first, {}, next_->second);
}

void RowCheck::see(std::string_view key, std::string_view stored) {
  missing_before(key);
  if (next_ == folded_.end() || next_->first != key) return drift(key, stored, {});
  if (next_->second != stored) drift(key, stored, next_->second);
  ++next_;
}

void RowCheck::finish(CheckReport& report) && {
  for (; next_ != folded_.end(); ++next_) drift(next_->first, {}, next_->second);
  report.projections.push_back(std::move(result_));
  for (DriftedRow& row : rows_) {
    if (report.rows.size() == kMaxDriftedRows) break;
    report.rows.push_back(std::move(row));
  }
}

std::string key_hex(std::string_view key) {
  std::string text;
  for (const char c : key) text += to_hex(static_cast<unsigned char>(c)).substr(14);
  return text;
}

}  // namespace banger
