// Stored rows held against a fold of the log, row by row. For the daemon's shadow fold, `projection verify` and
// `diff`, and `events replay`. Pure: who feeds it sees to it that both are of the same sequence.
#pragma once

#include <map>

#include "projections/replay.h"

namespace banger {

inline constexpr std::size_t kMaxDriftedRows = 1000;  // that are kept; all are counted

// A row that is not as it should be. Empty: it is not there.
struct DriftedRow {
  std::string projection;
  std::string key;
  std::string stored;
  std::string folded;
};

struct CheckedProjection {
  std::string name;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t drifted = 0;
  std::string example;  // the key of the first drifted row
};

struct CheckReport {
  Sequence sequence = 0;  // everything up to here was folded
  std::vector<CheckedProjection> projections;
  std::vector<DriftedRow> rows;

  [[nodiscard]] std::uint64_t drifted() const;
};

// One projection's rows; feed it those that are stored, in the order of their keys, then finish.
class RowCheck {
 public:
  RowCheck(std::string_view projection, std::map<std::string, std::string> folded);
  void see(std::string_view key, std::string_view stored);
  void finish(CheckReport& report) &&;

 private:
  void drift(std::string_view key, std::string_view stored, std::string_view folded);
  void missing_before(std::string_view key);

  CheckedProjection result_;
  std::vector<DriftedRow> rows_;
  std::map<std::string, std::string> folded_;
  std::map<std::string, std::string>::const_iterator next_;
};

// Bytes as lower-case hex: keys, for people.
[[nodiscard]] std::string key_hex(std::string_view key);

}  // namespace banger
