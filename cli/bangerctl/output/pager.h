// Pager: results that are longer than the screen go through a program that shows a screenful at a
// time. Used by terminal.cpp for stdout alone, and only where that is a terminal. What fits is
// written directly, so nobody has to leave a pager that shows three lines.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "cli/bangerctl/output/look.h"
#include "events/result.h"

namespace banger::ctl {

// $BANGER_PAGER, $PAGER, else less; empty where that is empty, "cat", or not to be found.
[[nodiscard]] std::string pager_command(const Variables& get);

class Pager {
 public:
  // `rows` of the screen, `out`: where what fits goes.
  Pager(std::string command, std::size_t rows, int out)
      : command_(std::move(command)), rows_(rows), out_(out) {}
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  // False once the reader has left: the rest is not wanted.
  [[nodiscard]] Result<bool> write(std::string_view text);
  // Writes what is held and waits until the reader has left.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status start();
  void wait();

  std::string command_;
  std::size_t rows_;
  int out_;
  std::string held_;  // up to a screenful
  std::size_t lines_ = 0;
  int pipe_ = -1;
  pid_t pid_ = 0;
};

// All of it; false where nobody reads any more (EPIPE).
[[nodiscard]] Result<bool> write_all(int fd, std::string_view text);

}  // namespace banger::ctl
