#include "cli/bangerctl/terminal.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/bangerctl/times.h"

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

std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return columns;
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

bool wants_colour(int fd) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return is_terminal(fd) && !(refused && *refused) && terminal &&
         std::strcmp(terminal, "dumb") != 0;
}

Answer<void> print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) std::_Exit(128 + SIGPIPE);  // KJ ignores the signal
    if (n < 0) return failed(std::string("write to stdout: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Answer<int> printed(std::string_view text) {
  const auto done = print(text);
  if (!done) return std::unexpected(done.error());
  return kOk;
}

void note(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void complain(const Failure& failure) {
  note("bangerctl: " + escape(failure.message));
  if (!failure.hint.empty()) note("  try: " + escape(failure.hint));
}

Progress::Progress()
    : terminal_(is_terminal(STDERR_FILENO)), since_(std::chrono::steady_clock::now()) {}

void Progress::show(std::string_view what) {
  if (!terminal_) return;
  const auto gone = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - since_);
  const std::string line =
      "\r\x1b[K" + escape(what) + " (" + format_ms(static_cast<std::uint64_t>(gone.count())) + ")";
  std::fwrite(line.data(), 1, line.size(), stderr);
  shown_ = true;
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace banger::ctl
