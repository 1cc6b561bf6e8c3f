// What every fuzz target is: one function that takes whatever bytes there are and comes back. libFuzzer calls it by
// way of entry.cpp. It must not crash, leak, hang or read beyond the bytes, and what it promises of a result it
// asserts. What it keeps between two calls must not change what the next one does, or a finding could not be repeated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "events/assert.h"
#include "events/log/bytes.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes);

// One of several texts in the bytes: its length in two bytes, and then the text, or as much of it as there is.
inline std::string_view take_part(log::Reader& bytes) {
  const std::size_t length = bytes.le<std::uint16_t>();
  return bytes.bytes(std::min(length, bytes.rest().size()));
}

inline void put_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace banger::fuzz
