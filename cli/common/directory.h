// Looks into directories that a daemon may be changing meanwhile: what has gone in between is not
// there, and no error. Used by doctor, df and the daemon's metrics. Changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "events/result.h"

namespace banger::cli {

// Sorted; without "." and "..".
[[nodiscard]] Result<std::vector<std::string>> names_in(const std::string& dir);

struct Usage {
  std::uint64_t apparent_bytes = 0;  // sum of the files' sizes, with their holes
  std::uint64_t disk_bytes = 0;      // what they take
  std::uint64_t files = 0;           // that are not directories

  void add(const Usage& other);
  friend bool operator==(const Usage&, const Usage&) = default;
};

// Of a file, or of a directory and all below it; symbolic links are not followed, other file systems
// not entered, a file with several names counts once. Nothing where there is none.
[[nodiscard]] Usage usage_of(const std::string& path);

}  // namespace banger::cli
