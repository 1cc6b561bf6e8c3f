// The user's end: stdout for results, stderr for errors and for what only a person at a terminal
// wants to see. Text that came from a guest, a file or another user passes through escape() before
// a terminal may see it; nothing else in bangerctl writes such text there.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cli/bangerctl/failure.h"

namespace banger::ctl {

// Control characters as \xNN and \n, bytes that are not UTF-8 as \xNN, and what would turn or hide
// text (bidirectional overrides, zero-width characters) as \u{NNNN}: one line, whatever the bytes.
[[nodiscard]] std::string escape(std::string_view text);
// The same for a guest's console: line ends and tabs stay, escape sequences go.
[[nodiscard]] std::string neutralise(std::string_view text);
// Columns that escaped text takes: code points.
[[nodiscard]] std::size_t width(std::string_view text);

[[nodiscard]] bool is_terminal(int fd);
// Colours are for a terminal whose user did not set NO_COLOR (no-color.org).
[[nodiscard]] bool wants_colour(int fd);

// All of it, on stdout; a failure (a full disk) is a Failure, a reader that is gone ends the
// program.
[[nodiscard]] Answer<void> print(std::string_view text);
// The same as the end of a command: kOk.
[[nodiscard]] Answer<int> printed(std::string_view text);
// "bangerctl: message", and "  try: hint" where there is one.
void complain(const Failure& failure);
void note(std::string_view line);  // one line on stderr

// A line on stderr that is written over, with the time that has gone by; nothing where stderr is no
// terminal. Erased when it goes.
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::string_view what);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace banger::ctl
