// Canonical single-segment Cap'n Proto messages as plain strings, and back, for the codecs of events and of
// projection rows. Reading copies into aligned words first (0.9.2 throws on unaligned input) and holds
// tight limits; whatever the bytes are, it throws kj::Exception at worst, which read_message turns into an Error.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "events/result.h"

namespace banger {

// A stored message is never larger; RPC messages are bounded to as much.
inline constexpr std::size_t kMaxMessageBytes = 1 << 20;

template <class Struct>
[[nodiscard]] std::string canonical_bytes(typename Struct::Builder builder) {
  auto words = capnp::canonicalize(builder.asReader());
  auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

// Calls read(Struct::Reader) -> Result<T> on a message of one segment.
template <class Struct, class Read>
[[nodiscard]] auto read_message(std::string_view bytes, Read&& read)
    -> decltype(read(std::declval<typename Struct::Reader>())) {
  if (bytes.size() > kMaxMessageBytes) return fail("a message of more than 1 MiB");
  if (bytes.size() % sizeof(capnp::word) != 0) return fail("a message that is no whole number of words");
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  kj::ArrayPtr<const capnp::word> segment(words.data(), words.size());
  capnp::ReaderOptions limits;
  limits.traversalLimitInWords = 4 * words.size() + 1024;
  limits.nestingLimit = 16;
  try {
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&segment, 1), limits);
    return read(reader.template getRoot<Struct>());
  } catch (const kj::Exception& exception) {
    return fail(std::string("not a valid message: ") + exception.getDescription().cStr());
  }
}

// Whole, with any NUL in it: what capnp makes of a std::string by itself ends at the first one.
[[nodiscard]] inline capnp::Text::Reader as_text(const std::string& text) {
  return {text.c_str(), text.size()};
}
[[nodiscard]] inline std::string_view bytes_of(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}
[[nodiscard]] inline std::string text_of(capnp::Text::Reader text) { return {text.cStr(), text.size()}; }

}  // namespace banger
