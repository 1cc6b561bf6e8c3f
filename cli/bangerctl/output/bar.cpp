#include "cli/bangerctl/output/bar.h"

#include <algorithm>

#include "cli/bangerctl/output/fit.h"

namespace banger::ctl {
namespace {

constexpr std::size_t kBarColumns = 24;
constexpr std::uint64_t kEnoughToGuess = 500;  // ms; before that "left" would jump about

std::string bar(std::uint64_t done, std::uint64_t total, bool unicode) {
  const std::size_t full = std::min<std::size_t>(kBarColumns * done / total, kBarColumns);
  std::string text;
  for (std::size_t i = 0; i < kBarColumns; ++i) {
    const char* filled = unicode ? "━" : "=";
    const char* edge = unicode ? "╸" : ">";
    text += i < full ? filled : i == full ? edge : " ";
  }
  return unicode ? text : "[" + text + "]";
}

}  // namespace

std::string format_ms(std::uint64_t ms) {
  if (ms < 1000) return std::to_string(ms) + " ms";
  if (ms < 60'000) return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
  const std::uint64_t seconds = ms / 1000 % 60;
  return std::to_string(ms / 60'000) + "m" + (seconds < 10 ? "0" : "") + std::to_string(seconds) +
         "s";
}

std::string progress_line(std::string_view what, std::string_view unit, std::uint64_t done,
                          std::uint64_t total, std::uint64_t elapsed_ms, const Look& look) {
  std::string line(what);
  const std::string after = unit.empty() ? "" : " " + std::string(unit);
  if (total == 0) {
    if (!unit.empty()) line += "  " + std::to_string(done) + after;
  } else {
    done = std::min(done, total);
    line += " " + bar(done, total, look.unicode) + " " + std::to_string(100 * done / total) +
            "%  " + std::to_string(done) + " of " + std::to_string(total) + after;
  }
  line += "  (" + format_ms(elapsed_ms);
  if (total != 0 && done != 0 && done < total && elapsed_ms >= kEnoughToGuess) {
    line += ", " + format_ms(elapsed_ms * (total - done) / done) + " left";
  }
  line += ")";
  return look.columns == 0 ? line : cut(line, look.columns - 1, look.unicode);
}

}  // namespace banger::ctl
