#include "cli/bangerctl/audit/when.h"

#include <array>
#include <charconv>
#include <ctime>

namespace banger::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kLastSecond = INT64_MAX / kSecond - 1;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What is left of the text, taken from the front. A take that does not fit takes nothing.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  void blanks() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool word(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string_view letters() {
    std::size_t size = 0;
    while (size < rest_.size() && rest_[size] >= 'a' && rest_[size] <= 'z') ++size;
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  // A number of `least` to `most` digits.
  std::optional<std::int64_t> number(std::size_t least, std::size_t most) {
    std::size_t size = 0;
    while (size < rest_.size() && size < most && is_digit(rest_[size])) ++size;
    std::int64_t value = 0;
    if (size < least || std::from_chars(rest_.data(), rest_.data() + size, value).ec != std::errc())
      return std::nullopt;
    rest_.remove_prefix(size);
    return value;
  }
  // ".25" as nanoseconds; 0 where there is none.
  std::int64_t fraction() {
    if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || !is_digit(rest_[1])) return 0;
    rest_.remove_prefix(1);
    std::int64_t ns = 0;
    std::int64_t unit = kSecond;
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1)) {
      unit /= 10;
      ns += unit * (rest_.front() - '0');
    }
    return ns;
  }

 private:
  std::string_view rest_;
};

bool valid_day(int year, int month, int day) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kDays[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

bool take_date(Words& words, CivilTime& civil) {
  const auto year = words.number(4, 4);
  const auto month = year && words.word("-") ? words.number(2, 2) : std::nullopt;
  const auto day = month && words.word("-") ? words.number(2, 2) : std::nullopt;
  if (!day) return false;
  civil.year = static_cast<int>(*year);
  civil.month = static_cast<int>(*month);
  civil.day = static_cast<int>(*day);
  return valid_day(civil.year, civil.month, civil.day);
}

bool take_clock(Words& words, CivilTime& civil, std::int64_t& ns) {
  const auto hour = words.number(1, 2);
  const auto minute = hour && words.word(":") ? words.number(2, 2) : std::nullopt;
  if (!minute) return false;
  std::optional<std::int64_t> second = 0;
  if (words.word(":")) second = words.number(2, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return false;
  civil.hour = static_cast<int>(*hour);
  civil.minute = static_cast<int>(*minute);
  civil.second = static_cast<int>(*second);
  ns = words.fraction();
  return true;
}

// "z", "utc" or "+02:00" as seconds east of UTC; nothing where there is no zone.
std::optional<std::int64_t> take_zone(Words& words) {
  words.blanks();
  if (words.word("utc") || words.word("z")) return 0;
  const bool east = words.word("+");
  if (!east && !words.word("-")) return std::nullopt;
  const auto hours = words.number(2, 2);
  words.word(":");
  const auto minutes = hours ? words.number(2, 2) : std::nullopt;
  if (!minutes || *hours > 15 || *minutes > 59) return std::nullopt;
  return (east ? 1 : -1) * (*hours * 3600 + *minutes * 60);
}

std::optional<std::int64_t> unit_seconds(std::string_view unit) {
  if (unit == "s" || unit == "sec" || unit == "secs" || unit == "second" || unit == "seconds")
    return 1;
  if (unit == "m" || unit == "min" || unit == "mins" || unit == "minute" || unit == "minutes")
    return 60;
  if (unit == "h" || unit == "hr" || unit == "hrs" || unit == "hour" || unit == "hours")
    return 3600;
  if (unit == "d" || unit == "day" || unit == "days") return kDay;
  if (unit == "w" || unit == "week" || unit == "weeks") return 7 * kDay;
  return std::nullopt;
}

using Parsed = std::optional<When>;

Parsed at_ns(std::int64_t seconds, std::int64_t ns) {
  if (seconds < 0 || seconds > kLastSecond) return std::nullopt;
  return When{.sequence = {}, .time_ns = seconds * kSecond + ns};
}

Parsed parse_sequence(Words words) {
  words.word("#");
  const auto number = words.number(1, 18);
  if (!number || !words.done()) return std::nullopt;
  return When{.sequence = static_cast<Sequence>(*number), .time_ns = {}};
}

Parsed parse_epoch(Words words) {
  if (!words.word("@")) return std::nullopt;
  const auto seconds = words.number(1, 12);
  if (!seconds) return std::nullopt;
  const std::int64_t ns = words.fraction();
  return words.done() ? at_ns(*seconds, ns) : std::nullopt;
}

// "10 minutes ago", "2h30m", "1 day 2 hours ago"
Parsed parse_ago(Words words, const Present& present) {
  std::int64_t ago = 0;
  bool some = false;
  for (;;) {
    words.blanks();
    const auto count = words.number(1, 9);
    if (!count) break;
    words.blanks();
    const auto unit = unit_seconds(words.letters());
    if (!unit) return std::nullopt;
    ago += *count * *unit;  // at most 1e9 weeks a time: no overflow within a line of text
    some = true;
  }
  words.word("ago");
  if (!some || !words.done() || ago > present.now_ns / kSecond) return std::nullopt;
  return When{.sequence = {}, .time_ns = present.now_ns - ago * kSecond};
}

// A date, a time of day or both; in the zone that follows, else in the user's.
Parsed parse_date(Words words, const Present& present) {
  CivilTime civil = present.civil_of(present.now_ns / kSecond);
  civil.hour = civil.minute = civil.second = 0;
  std::int64_t ns = 0;
  Words clock_only = words;
  bool dated = true;
  if (words.word("yesterday")) {
    civil = civil_utc(utc_seconds(civil) - kDay);  // a day of the calendar, however long it was
  } else if (!words.word("today")) {
    dated = take_date(words, civil);
    if (!dated) words = clock_only;
  }
  if (dated && !words.word("t")) words.blanks();
  Words zone_only = words;
  const bool clocked = take_clock(words, civil, ns);
  if (!clocked) words = zone_only;
  if (!dated && !clocked) return std::nullopt;
  const Words behind = words;
  const auto east = take_zone(words);
  if (!east) words = behind;  // a zone that makes no sense is not taken for none
  if (!words.done()) return std::nullopt;
  return at_ns(east ? utc_seconds(civil) - *east : present.seconds_of(civil), ns);
}

}  // namespace

// Days are counted from 0000-03-01, so that leap days come last (H. Hinnant, "chrono-compatible
// low-level date algorithms").
std::int64_t utc_seconds(const CivilTime& time) {
  const std::int64_t year = time.year - (time.month <= 2 ? 1 : 0);
  const std::int64_t era = year / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year =
      (153 * (time.month + (time.month > 2 ? -3 : 9)) + 2) / 5 + time.day - 1;
  const std::int64_t days =
      era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
  return days * kDay + time.hour * 3600 + time.minute * 60 + time.second;
}

CivilTime civil_utc(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
          parts.tm_hour,        parts.tm_min,     parts.tm_sec};
}

Present present() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {.now_ns = now.tv_sec * kSecond + now.tv_nsec,
          .seconds_of = [](const CivilTime& civil) -> std::int64_t {
            std::tm parts{};
            parts.tm_year = civil.year - 1900;
            parts.tm_mon = civil.month - 1;
            parts.tm_mday = civil.day;
            parts.tm_hour = civil.hour;
            parts.tm_min = civil.minute;
            parts.tm_sec = civil.second;
            parts.tm_isdst = -1;
            return ::mktime(&parts);
          },
          .civil_of = [](std::int64_t seconds) -> CivilTime {
            const std::time_t time = seconds;
            std::tm parts{};
            ::localtime_r(&time, &parts);
            return {parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                    parts.tm_hour,        parts.tm_min,     parts.tm_sec};
          }};
}

Result<When> parse_when(std::string_view text, const Present& present) {
  std::string lower;
  for (const char c : text)
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '\t' ? ' ' : c;
  while (!lower.empty() && lower.back() == ' ') lower.pop_back();
  Words words(lower);
  words.blanks();
  if (lower == "now") return When{.sequence = {}, .time_ns = present.now_ns};
  for (const Parsed& parsed : {parse_sequence(words), parse_epoch(words), parse_ago(words, present),
                               parse_date(words, present)}) {
    if (parsed) return *parsed;
  }
  return fail("'" + std::string(text) + "' is no moment: give " + std::string(kWhenForms));
}

}  // namespace banger::ctl
