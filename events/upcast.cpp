#include "events/upcast.h"

#include <charconv>

namespace banger {
namespace {

// The number behind `words`, where the text has them.
std::optional<std::uint32_t> number_after(std::string_view text, std::string_view words) {
  const auto found = text.find(words);
  if (found == std::string_view::npos) return std::nullopt;
  text.remove_prefix(found + words.size());
  std::uint32_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? std::optional(number) : std::nullopt;
}

// Version 1 had the reason alone, in words that the drivers of that time had for each of these ends. An exit's
// reason may go on with the guest's last line, so its own words are looked for first, and at the beginning.
void from_1_to_2(Event& event) {
  auto* died = std::get_if<VmDied>(&event);
  if (!died) return;
  const std::string_view reason = died->reason;
  if (reason.starts_with("the VMM exited with code ")) {
    died->cause = DeathCause::kExited;
    died->code = number_after(reason, "with code ").value_or(0);
  } else if (const auto signal = number_after(reason, "killed by signal ")) {
    died->cause = DeathCause::kSignalled;
    died->code = *signal;
  } else if (reason == "the guest panicked") {
    died->cause = DeathCause::kGuestPanic;
  } else if (reason.starts_with("the VMM was told to end")) {
    died->cause = DeathCause::kToldToEnd;
  }
}

}  // namespace

void upcast(Event& event, std::uint16_t version) {
  if (version < 2) from_1_to_2(event);
}

}  // namespace banger
