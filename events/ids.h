// The identities that events, engine and drivers speak of, each its own type so that no two are mixed up.
// Ids are random (the loop puts the bytes in; the core makes none), printed as lower-case hex, and never
// reused. Nothing here names a kernel object: those are VmHandles, and are never stored in an event.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace banger {

// 16 lower-case hex digits.
[[nodiscard]] std::string to_hex(std::uint64_t value);
// Exactly 16 hex digits, or nothing.
[[nodiscard]] std::optional<std::uint64_t> parse_hex64(std::string_view text);

template <class Tag>
struct Id64 {
  std::uint64_t value = 0;  // 0 is "none"; decide never sees a fresh id of 0

  [[nodiscard]] explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const Id64&, const Id64&) = default;
  [[nodiscard]] std::string hex() const { return to_hex(value); }
  [[nodiscard]] static std::optional<Id64> parse(std::string_view text) {
    if (auto parsed = parse_hex64(text); parsed && *parsed != 0) return Id64{*parsed};
    return std::nullopt;
  }
};

using VmId = Id64<struct VmTag>;
using ImageId = Id64<struct ImageTag>;
using ExecId = Id64<struct ExecTag>;

// 128 bits, printed as 32 hex digits.
template <class Tag>
struct Id128 {
  std::uint64_t hi = 0;
  std::uint64_t lo = 0;

  [[nodiscard]] explicit operator bool() const { return hi != 0 || lo != 0; }
  friend auto operator<=>(const Id128&, const Id128&) = default;
  [[nodiscard]] std::string hex() const { return to_hex(hi) + to_hex(lo); }
  [[nodiscard]] static std::optional<Id128> parse(std::string_view text) {
    if (text.size() != 32) return std::nullopt;
    auto high = parse_hex64(text.substr(0, 16));
    auto low = parse_hex64(text.substr(16));
    if (!high || !low) return std::nullopt;
    return Id128{*high, *low};
  }
};

using CommandId = Id128<struct CommandTag>;  // chosen by whoever asks; the key of "once only"
using StoreId = Id128<struct StoreTag>;      // one log; event id = store id + sequence
using BootId = Id128<struct BootTag>;        // /proc/sys/kernel/random/boot_id without its dashes

using Sequence = std::uint64_t;       // place in the log, from 1, without gaps; 0 is "before the first"
using StreamVersion = std::uint64_t;  // place in its stream, from 1, without gaps

// What a stream is about. Stored: never renumber, never reuse.
enum class StreamKind : std::uint16_t { kHost = 1, kVm = 2, kImage = 3 };

struct StreamId {
  StreamKind kind = StreamKind::kHost;
  std::uint64_t id = 0;  // 0 for the one host stream

  friend auto operator<=>(const StreamId&, const StreamId&) = default;
};

[[nodiscard]] inline StreamId stream_of(VmId vm) { return {StreamKind::kVm, vm.value}; }
[[nodiscard]] inline StreamId stream_of(ImageId image) { return {StreamKind::kImage, image.value}; }
inline constexpr StreamId kHostStream{StreamKind::kHost, 0};

// A SHA-256.
using Digest = std::array<std::uint8_t, 32>;
[[nodiscard]] std::string to_hex(const Digest& digest);

}  // namespace banger
