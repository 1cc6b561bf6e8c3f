// Child processes of the tests: started with pipes, fed, read to the end and always reaped.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace banger::guest {

struct Output {
  int code = -1;  // 128 + n if a signal ended it
  std::string out;
  std::string err;
};

class Child {
 public:
  struct Options {
    int tty = -1;    // a terminal for all three, as the controlling one; else pipes
    int extra = -1;  // a descriptor that becomes number 9
  };
  Child(const std::vector<std::string>& argv, Options options);
  explicit Child(const std::vector<std::string>& argv) : Child(argv, Options{}) {}
  ~Child();  // kills what was not waited for
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int in() const { return in_; }
  [[nodiscard]] int out() const { return out_; }
  void close_in();
  void close_out();
  // Reads stdout until it holds `text`; false at its end.
  [[nodiscard]] bool await(std::string_view text);
  // Feeds `input`, closes stdin, reads all that comes, and waits.
  [[nodiscard]] Output finish(std::string_view input = {});

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string seen_;
};

[[nodiscard]] Output run_child(const std::vector<std::string>& argv, std::string_view input = {});

// Alive, and not merely waiting to be reaped by whoever inherited it.
[[nodiscard]] bool running(pid_t pid);

// Whether `look` comes true within half a minute: what was signalled may take a while to be gone.
[[nodiscard]] bool becomes(const std::function<bool()>& look);

// Descriptors that this process has open: for a test to prove that it leaves none.
[[nodiscard]] size_t open_descriptors();

}  // namespace banger::guest
