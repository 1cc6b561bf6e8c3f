// Room on the disk: below a mark no new intents, and a ballast file that is let go so that what
// deletes can still be appended (and frees space in turn). EventLog owns it; nobody else touches
// the file.
#pragma once

#include <cstdint>
#include <filesystem>

#include "events/result.h"

namespace banger::log {

class Space {
 public:
  Space(std::filesystem::path dir, std::uint64_t mark_bytes, std::uint64_t ballast_bytes)
      : dir_(std::move(dir)), mark_(mark_bytes), ballast_(ballast_bytes) {}

  // Low while the ballast is away. It is let go when less than the mark is free, and is made again
  // when mark and ballast fit: two different levels, so that it doesn't come and go at the edge.
  [[nodiscard]] Result<bool> low();

 private:
  [[nodiscard]] Status make_ballast();

  std::filesystem::path dir_;
  std::uint64_t mark_;
  std::uint64_t ballast_;
};

}  // namespace banger::log
