#include "cli/bangerctl/times.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace banger::ctl {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string iso_time(std::int64_t ns) {
  std::int64_t seconds = ns / kSecond;
  std::int64_t rest = ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> millis{};
  std::snprintf(millis.data(), millis.size(), ".%03uZ", static_cast<unsigned>(rest / 1'000'000));
  return std::string(text.data(), size) + millis.data();
}

std::string age(std::int64_t ns, std::int64_t now_ns) {
  const std::int64_t seconds = now_ns > ns ? (now_ns - ns) / kSecond : 0;
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string when(std::int64_t ns) {
  if (ns == 0) return {};
  const std::string iso = iso_time(ns);
  switch (wishes().times) {
    case TimeStyle::kRelative: {
      const std::int64_t now = now_ns();
      return ns > now + kSecond ? "in " + age(now, ns) : age(ns, now) + " ago";
    }
    case TimeStyle::kUtc:
      return iso.substr(0, 10) + " " + iso.substr(11, 8) + " UTC";
    case TimeStyle::kIso:
      return iso;
  }
  return iso;
}

std::string when_in_full(std::int64_t ns) {
  const bool both = wishes().times == TimeStyle::kRelative && ns != 0;
  return both ? iso_time(ns) + " (" + when(ns) + ")" : when(ns);
}

std::string age_title() { return wishes().times == TimeStyle::kRelative ? "AGE" : "CREATED"; }

std::string age_cell(std::int64_t ns) {
  return wishes().times == TimeStyle::kRelative ? age(ns, now_ns()) : when(ns);
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace banger::ctl
