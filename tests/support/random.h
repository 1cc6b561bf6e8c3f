// Seeded chance for tests: the same seed gives the same run on every machine. Also fills any struct
// that names its fields, so that a new field is covered the day it is added. A fuzzer's bytes may be chance, too.
#pragma once

#include <algorithm>
#include <string_view>

#include "events/envelope.h"

namespace banger::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  // Throws that somebody has chosen. Few outcomes take one byte, so that a change to one byte changes one throw.
  // Behind the last it goes on as a seed does.
  explicit Dice(std::string_view throws) : throws_(throws) {}
  [[nodiscard]] bool spent() const { return throws_.empty(); }  // all that were chosen

  std::uint64_t next() {  // splitmix64
    if (!throws_.empty()) return take(sizeof(std::uint64_t));
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) {
    const bool few = bound <= 256 && !throws_.empty();
    return (few ? take(1) : next()) % bound;
  }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t take(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char c : throws_.substr(0, bytes)) value = value << 8 | static_cast<unsigned char>(c);
    throws_.remove_prefix(std::min(bytes, throws_.size()));
    return value;
  }

  std::string_view throws_;
  std::uint64_t state_ = 0;
};

inline void fill(Dice& dice, bool& value) {
  value = dice.chance(50);
}
inline void fill(Dice& dice, std::string& value) {
  value.clear();
  for (std::uint64_t n = dice.below(12); n > 0; --n) value += static_cast<char>(dice.below(256));
}
inline void fill(Dice& dice, BootId& value) {
  value = {dice.next(), dice.next()};
}
inline void fill(Dice& dice, Digest& value) {
  for (auto& byte : value) byte = static_cast<std::uint8_t>(dice.next());
}
template <class Tag>
void fill(Dice& dice, Id64<Tag>& value) {
  value.value = dice.next();
}
template <std::unsigned_integral Number>
void fill(Dice& dice, Number& value) {
  value = static_cast<Number>(dice.next() >> dice.below(64));
}
template <class Enum>
  requires std::is_enum_v<Enum>
void fill(Dice& dice, Enum& value) {
  do value = static_cast<Enum>(dice.below(16));
  while (name_of(value).empty());
}
template <HasFields T>
void fill(Dice& dice, T& value);
template <class T>
void fill(Dice& dice, std::vector<T>& values) {
  values.resize(dice.below(4));
  for (T& value : values) fill(dice, value);
}
template <HasFields T>
void fill(Dice& dice, T& value) {
  for_each_field(value, [&](const char*, auto& member) { fill(dice, member); });
}

inline constexpr std::size_t kEventKinds = std::variant_size_v<Event>;

// An event of the `index`th kind, filled at random.
template <std::size_t I = 0>
Event random_event(Dice& dice, std::size_t index) {
  if (index == I) {
    std::variant_alternative_t<I, Event> event;
    fill(dice, event);
    return event;
  }
  if constexpr (I + 1 < kEventKinds) return random_event<I + 1>(dice, index);
  return DaemonStopped{};
}

}  // namespace banger::test
