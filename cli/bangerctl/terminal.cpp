#include "cli/bangerctl/terminal.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cli/bangerctl/output/bar.h"
#include "cli/bangerctl/output/pager.h"

namespace banger::ctl {
namespace {

struct Character {
  std::size_t bytes = 0;  // 0: not UTF-8
  char32_t code = 0;
};

Character decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, first};
  std::size_t length = 0;
  char32_t code = 0;
  char32_t least = 0;
  if ((first & 0xe0) == 0xc0) length = 2, code = first & 0x1f, least = 0x80;
  if ((first & 0xf0) == 0xe0) length = 3, code = first & 0x0f, least = 0x800;
  if ((first & 0xf8) == 0xf0) length = 4, code = first & 0x07, least = 0x10000;
  if (length == 0 || length > text.size()) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < least || surrogate || code > 0x10ffff) return {};
  return {length, code};
}

// C1 controls are escape sequences of one character to some terminals; the others turn or hide
// text.
bool is_deceptive(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
         code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) || code >= 0xe0000;
}

std::string hex(unsigned value, const char* format) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

void append_escaped(std::string& out, const Character& character, unsigned char first) {
  if (character.bytes == 0) {
    out += hex(first, "\\x%02x");
  } else if (character.code == '\n') {
    out += "\\n";
  } else if (character.code == '\t') {
    out += "\\t";
  } else {
    out += character.code < 0x80 ? hex(first, "\\x%02x") : hex(character.code, "\\u{%04x}");
  }
}

// The bytes of the escape sequence (ECMA-48) at the start of `text`, which begins with ESC.
std::size_t sequence_length(std::string_view text) {
  if (text.size() < 2) return text.size();
  const auto ends_string = [&](std::size_t i) {
    return text[i] == '\a' || (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '\\');
  };
  if (text[1] == '[') {
    std::size_t i = 2;
    while (i < text.size() && text[i] >= 0x20 && text[i] < 0x40) ++i;
    return std::min(i + 1, text.size());
  }
  if (std::strchr("]PX^_",
                  text[1])) {  // a string, such as a title: up to BEL, ESC \ or the line's end
    std::size_t i = 2;
    while (i < text.size() && !ends_string(i) && text[i] != '\n') ++i;
    if (i == text.size() || text[i] == '\n') return i;
    return i + (text[i] == '\a' ? 1 : 2);
  }
  std::size_t i = 1;
  while (i < text.size() && text[i] >= 0x20 && text[i] < 0x30) ++i;
  return std::min(i + 1, text.size());
}

constexpr std::uint64_t kRedrawMs = 80;

std::optional<Pager>& pager() {
  static std::optional<Pager> here;
  return here;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = decode_utf8(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    if (character.bytes == 0 || is_deceptive(character.code)) {
      append_escaped(out, character, static_cast<unsigned char>(text.front()));
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::string neutralise(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = decode_utf8(text);
    std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    if (text.front() == '\x1b') {
      bytes = sequence_length(text);
    } else if (text.front() == '\n' || text.front() == '\t') {
      out += text.front();
    } else if (character.bytes != 0 && !is_deceptive(character.code)) {
      out += text.substr(0, bytes);
    } else if (character.bytes == 0) {
      out += "?";
    }
    text.remove_prefix(bytes);
  }
  return out;
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

Answer<void> print(std::string_view text) {
  std::optional<Pager>& through = pager();
  const auto read = through ? through->write(text) : write_all(STDOUT_FILENO, text);
  if (!read) return std::unexpected(to_failure(read.error()));
  if (*read) return {};
  // Whoever leaves a pager has seen enough; one who leaves a pipe is told as SIGPIPE tells it (KJ
  // ignores the signal).
  const bool paged = through.has_value();
  through.reset();
  std::_Exit(paged ? kOk : 128 + SIGPIPE);
}

void begin_paging() {
  if (pager() || !stdout_look().terminal || wishes().no_pager) return;
  std::string command = pager_command([](const char* name) { return std::getenv(name); });
  if (!command.empty()) pager().emplace(std::move(command), stdout_look().rows, STDOUT_FILENO);
}

Answer<void> end_paging() {
  if (!pager()) return {};
  const auto done = pager()->finish();
  pager().reset();
  if (!done) return std::unexpected(to_failure(done.error()));
  return {};
}

Answer<int> printed(std::string_view text) {
  begin_paging();
  const auto done = print(text);
  if (!done) return std::unexpected(done.error());
  return kOk;
}

void note(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void remark(std::string_view line) {
  if (!wishes().quiet) note(line);
}

void complain(const Failure& failure) {
  const bool colour = look_at(STDERR_FILENO).colour;
  const auto in = [colour](std::string_view start, std::string_view text) {
    return colour ? std::string(start).append(text).append("\x1b[0m") : std::string(text);
  };
  note(in("\x1b[1;31m", "bangerctl:") + " " + escape(failure.message));
  if (!failure.hint.empty()) note("  " + in("\x1b[36m", "try:") + " " + escape(failure.hint));
}

Progress::Progress() : since_(std::chrono::steady_clock::now()) {
  if (!wishes().quiet) look_ = look_at(STDERR_FILENO);
}

void Progress::show(std::string_view what, std::string_view unit, std::uint64_t done,
                    std::uint64_t total) {
  if (!visible()) return;
  const auto gone = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since_)
          .count());
  if (shown_ && gone - shown_at_ms_ < kRedrawMs) return;
  const std::string line =
      "\r\x1b[K" + progress_line(escape(what), unit, done, total, gone, look_);
  std::fwrite(line.data(), 1, line.size(), stderr);
  shown_ = true;
  shown_at_ms_ = gone;
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace banger::ctl
