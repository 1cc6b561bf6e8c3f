// The user's end: stdout for results, stderr for errors and for what only a person at a terminal
// wants to see. Text that came from a guest, a file or another user passes through escape() before
// a terminal may see it; nothing else in bangerctl writes such text there.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/bangerctl/failure.h"
#include "cli/bangerctl/output/fit.h"
#include "cli/bangerctl/output/look.h"

namespace banger::ctl {

// Control characters as \xNN and \n, bytes that are not UTF-8 as \xNN, and what would turn or hide
// text (bidirectional overrides, zero-width characters) as \u{NNNN}: one line, whatever the bytes.
[[nodiscard]] std::string escape(std::string_view text);
// The same for a guest's console: line ends and tabs stay, escape sequences go.
[[nodiscard]] std::string neutralise(std::string_view text);
[[nodiscard]] bool is_terminal(int fd);

// All of it, on stdout; a failure (a full disk) is a Failure, a reader that is gone ends the
// program.
[[nodiscard]] Answer<void> print(std::string_view text);
// From here on what is printed may be long: on a terminal it goes through a pager, once it is more
// than a screen, unless the user does not want that.
void begin_paging();
// The same, and all of `text`: the whole of a verb's result, which ends with kOk.
[[nodiscard]] Answer<int> printed(std::string_view text);
// Lets the pager have the rest and waits for it. Called once, when the verb has ended.
[[nodiscard]] Answer<void> end_paging();

// "bangerctl: message", and "  try: hint" where there is one.
void complain(const Failure& failure);
void note(std::string_view line);  // one line on stderr
// The same for what is nice to know: not with --quiet.
void remark(std::string_view line);

// A line on stderr that is written over, with the time that has gone by; nothing where stderr is no
// terminal, and with --quiet. Erased when it goes.
class Progress {
 public:
  Progress();
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::string_view what) { show(what, "", 0, 0); }
  // "verify ━━━╸   43%  430 of 1000 events": as often as eyes can follow.
  void show(std::string_view what, std::string_view unit, std::uint64_t done, std::uint64_t total);
  void clear();
  [[nodiscard]] bool visible() const { return look_.terminal; }

 private:
  Look look_;
  bool shown_ = false;
  std::uint64_t shown_at_ms_ = 0;
  std::chrono::steady_clock::time_point since_;
};

}  // namespace banger::ctl
