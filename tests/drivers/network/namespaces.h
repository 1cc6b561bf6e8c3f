// Network namespaces of a test's own: everything that these tests make and every packet that they send is in one,
// and it goes with the child process that made it, however that ends. Nobody else's network is ever touched.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "drivers/uv/fd.h"
#include "events/result.h"

namespace banger::network::test {

// Runs `body` in a child process with a network namespace of its own, whose loopback is up, and fails the test with
// what it says where it throws or dies. Catch's macros are of no use in there: EXPECT throws.
void in_new_namespace(const std::function<void()>& body);

#define BANGER_TEXT2(x) #x
#define BANGER_TEXT(x) BANGER_TEXT2(x)
#define EXPECT(condition)                                                                                       \
  do {                                                                                                          \
    if (!(condition)) throw std::runtime_error(__FILE__ ":" BANGER_TEXT(__LINE__) ": not so: " #condition); \
  } while (false)

// The value, or the error as the test's failure.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}
// The error's words; a success is the test's failure.
template <class T>
std::string error_of(const Result<T>& result) {
  if (result) throw std::runtime_error("this was to fail, and did not");
  return result.error().message;
}

// Shell commands (`ip`), in this thread's namespace; one that fails is the test's failure. Gives what they print.
std::string sh(const std::string& commands);

// Another namespace, for as long as this lives: a guest's, or the world outside.
class Namespace {
 public:
  Namespace();
  // Runs `body` in it, on a thread of its own, and passes on what it throws. Sockets made there stay there.
  void run(const std::function<void()>& body) const;
  [[nodiscard]] std::string path() const;  // for `ip link set ... netns`

 private:
  Fd fd_;
};

}  // namespace banger::network::test
