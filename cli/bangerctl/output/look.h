// What the terminal at a descriptor can show, and what the user asked for: how times are written,
// whether remarks and a pager are wanted. The command line sets the wishes once, before a verb
// runs; everything that prints reads them. Prints nothing and decides nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace banger::ctl {

// The default is for a file or a pipe: plain text in full.
struct Look {
  bool terminal = false;
  bool colour = false;      // no NO_COLOR (no-color.org), and not TERM=dumb
  bool unicode = false;     // the locale is UTF-8
  std::size_t columns = 0;  // 0: as wide as it comes
  std::size_t rows = 0;
};

[[nodiscard]] Look look_at(int fd);
// The same from what is known of a terminal; 0 columns or rows: $COLUMNS, $LINES, else 80 and 24.
using Variables = std::function<const char*(const char* name)>;
[[nodiscard]] Look terminal_look(std::size_t columns, std::size_t rows, const Variables& get);
// Of stdout, looked at once.
[[nodiscard]] const Look& stdout_look();

enum class TimeStyle { kRelative, kUtc, kIso };

struct Wishes {
  TimeStyle times = TimeStyle::kRelative;
  bool quiet = false;  // results and errors only
  bool no_pager = false;
};
[[nodiscard]] Wishes& wishes();  // this process's

}  // namespace banger::ctl
