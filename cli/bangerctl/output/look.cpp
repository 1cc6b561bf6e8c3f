#include "cli/bangerctl/output/look.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace banger::ctl {
namespace {

constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kUsualRows = 24;

std::string value(const Variables& get, const char* name) {
  const char* text = get(name);
  return text ? text : "";
}

std::size_t number(const std::string& text, std::size_t otherwise) {
  const long parsed = std::strtol(text.c_str(), nullptr, 10);
  return parsed > 0 && parsed < 100'000 ? static_cast<std::size_t>(parsed) : otherwise;
}

// locale(7): the first of these that is set names the character set.
bool is_utf8(const Variables& get) {
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = value(get, name);
  }
  std::ranges::transform(locale, locale.begin(), [](unsigned char c) { return std::tolower(c); });
  return locale.ends_with("utf-8") || locale.ends_with("utf8");
}

}  // namespace

Look terminal_look(std::size_t columns, std::size_t rows, const Variables& get) {
  const std::string type = value(get, "TERM");
  return {.terminal = true,
          .colour = value(get, "NO_COLOR").empty() && !type.empty() && type != "dumb",
          .unicode = is_utf8(get),
          .columns = columns != 0 ? columns : number(value(get, "COLUMNS"), kUsualColumns),
          .rows = rows != 0 ? rows : number(value(get, "LINES"), kUsualRows)};
}

Look look_at(int fd) {
  if (::isatty(fd) != 1) return {};
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
  return terminal_look(size.ws_col, size.ws_row, [](const char* name) { return std::getenv(name); });
}

const Look& stdout_look() {
  static const Look look = look_at(STDOUT_FILENO);
  return look;
}

Wishes& wishes() {
  static Wishes here;
  return here;
}

}  // namespace banger::ctl
