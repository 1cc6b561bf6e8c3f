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

std::string format_ms(std::uint64_t ms) {
  if (ms < 1000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  const std::uint64_t seconds = ms / 1000 % 60;
  return std::to_string(ms / 60'000) + "m" + (seconds < 10 ? "0" : "") + std::to_string(seconds) +
         "s";
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace banger::ctl
