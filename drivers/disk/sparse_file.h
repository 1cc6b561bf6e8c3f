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

}  // namespace banger::disk
