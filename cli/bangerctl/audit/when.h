// Moments as people type them: an event's number, a date, a time of day, or how long ago. Pure: the
// present and the time zone are given, so that a test can. Whatever is typed, it gives a moment or
// an Error that quotes it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "events/ids.h"
#include "events/result.h"

namespace banger::ctl {

struct CivilTime {
  int year = 1970, month = 1, day = 1;
  int hour = 0, minute = 0, second = 0;
};

// Seconds since 1970 in UTC; and a day and time of UTC for seconds.
[[nodiscard]] std::int64_t utc_seconds(const CivilTime& time);
[[nodiscard]] CivilTime civil_utc(std::int64_t seconds);

struct Present {
  std::int64_t now_ns = 0;
  std::function<std::int64_t(const CivilTime&)> seconds_of =
      utc_seconds;  // in the user's time zone
  std::function<CivilTime(std::int64_t)> civil_of = civil_utc;
};
// This process's: the wall clock and $TZ.
[[nodiscard]] Present present();

// One of them.
struct When {
  std::optional<Sequence> sequence;
  std::optional<std::int64_t> time_ns;

  friend bool operator==(const When&, const When&) = default;
};

// "4711" or "#4711" is an event. "2026-11-21", "2026-11-21 10:00", "2026-11-21T10:00:05.25Z", "...
// +02:00",
// "... UTC", "10:30", "today", "yesterday 10:30", "now", "10 minutes ago", "2h30m ago", "2h",
// "@1795250000" are times; those without a zone are in the user's.
[[nodiscard]] Result<When> parse_when(std::string_view text, const Present& present);

// For --help and errors.
inline constexpr std::string_view kWhenForms =
    "an event's number, \"2026-11-21 10:00\", RFC 3339, \"10:30\", \"yesterday\" or \"10 minutes "
    "ago\"";

}  // namespace banger::ctl
