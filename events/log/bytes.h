// Integers to bytes and back, for the log's own formats: little-endian inside values, big-endian
// inside keys (so that they sort). Used by block, anchor and key code; it must never read past what
// it was given: a Reader that runs out says so once, at the end, instead of at every field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "events/ids.h"

namespace banger::log {

template <class T>
void put_le(std::string& out, T value) {
  for (unsigned shift = 0; shift < 8 * sizeof(T); shift += 8) {
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift));
  }
}

template <class T>
void put_be(std::string& out, T value) {
  for (unsigned shift = 8 * sizeof(T); shift > 0;) {
    shift -= 8;
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift));
  }
}

inline std::string_view as_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Takes fields off the front. Once it ran out of bytes, every field is zero and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  std::string_view bytes(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  template <class T>
  T le() {
    std::uint64_t value = 0;
    unsigned shift = 0;
    for (char c : bytes(sizeof(T))) {
      value |= std::uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return static_cast<T>(value);
  }

  template <class T>
  T be() {
    std::uint64_t value = 0;
    for (char c : bytes(sizeof(T))) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<T>(value);
  }

  Digest digest() {
    Digest result{};
    std::string_view taken = bytes(result.size());
    if (!taken.empty()) taken.copy(reinterpret_cast<char*>(result.data()), result.size());
    return result;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace banger::log
