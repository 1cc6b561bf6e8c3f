// The log's two checks: SHA-256 for what must not be forged (the chain), CRC-32 for what a disk
// does to bytes. A Hasher keeps its OpenSSL context for the next digest: making one anew costs as
// much as hashing an event. One Hasher belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "events/ids.h"

namespace banger::log {

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void begin();
  void add(std::string_view bytes);
  [[nodiscard]] Digest finish();
  [[nodiscard]] Digest of(std::string_view bytes);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The CRC-32 of zlib, gzip and PNG.
[[nodiscard]] std::uint32_t crc32_of(std::string_view bytes);

}  // namespace banger::log
