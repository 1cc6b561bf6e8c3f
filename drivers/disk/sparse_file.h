// Files that are as long as they say and take only what was written. Straight-line, for a worker thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "events/result.h"

namespace banger::disk {

// Nothing where there is no such file.
[[nodiscard]] Result<std::optional<std::uint64_t>> file_bytes(const std::string& path);

// There, at least so long, and durably so; for nobody but us. What is in it stays. True: it is new.
[[nodiscard]] Result<bool> ensure_sparse(const std::string& path, std::uint64_t bytes);

struct CopySpec {
  std::string from;
  std::string to;
  std::uint64_t keep_free_bytes = 256ull << 20;  // refused when less would be free where `to` is
};

// A copy of `from` at `to`, whole and durable or not there at all; for nobody but us. One that is there stays as it is.
// It shares `from`'s blocks where the file system can do that, and else takes what `from` takes, holes left out. Also
// where `from` changes meanwhile nothing is told: the files of an image never do.
[[nodiscard]] Status ensure_copy(const CopySpec& spec);

}  // namespace banger::disk
