// What decide answers to a request that it does not take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace banger {

// A refusal: for the user, and not a failure of anything.
enum class Refusal : std::uint16_t {
  kInvalid = 1,
  kNotFound = 2,
  kAlreadyExists = 3,
  kWrongState = 4,
  kInUse = 5,
  kExhausted = 6,
  kParked = 7,
  kConflict = 8,  // the command id was used for another request
};
[[nodiscard]] std::string_view name_of(Refusal value);

struct Rejection {
  Refusal kind = Refusal::kInvalid;
  std::string message;
  std::string hint;  // the next command to try; may be empty

  friend bool operator==(const Rejection&, const Rejection&) = default;
};

}  // namespace banger
