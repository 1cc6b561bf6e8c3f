// Runs the bangerctl under test as a user would: in a directory of its own, with a socket and a
// data directory there, and the made-up daemon and guest beside it. Nothing of it is left
// afterwards.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/catch.h"

namespace banger::ctl::test {

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

class Place {
 public:
  Place();
  ~Place();  // ends the daemons that were started here
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // The words behind "bangerctl".
  [[nodiscard]] Ran run(std::vector<std::string> words, const std::string& input = {}) const;
  // The same without waiting; its output goes to files `name`.out and `name`.err.
  [[nodiscard]] pid_t start(const std::string& name, std::vector<std::string> words,
                            const std::string& input = {}) const;
  [[nodiscard]] Ran finish(const std::string& name, pid_t pid) const;

  [[nodiscard]] std::string path(const std::string& name) const { return dir_ + "/" + name; }
  [[nodiscard]] std::string data(const std::string& name) const { return dir_ + "/data/" + name; }
  void touch(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> lines(
      const std::string& name) const;  // of a file of the daemon
  [[nodiscard]] std::string text(const std::string& path) const;
  void end_daemons() const;
  // A connection's other end that never says a word.
  [[nodiscard]] int listen_in_silence() const;

 private:
  std::string dir_;
};

}  // namespace banger::ctl::test
