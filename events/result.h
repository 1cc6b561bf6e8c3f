// Result<T>: how every fallible call of banger answers. An Error is one line for a person, read from
// the outside in ("start vm web: open /x: Permission denied"), with the errno where there was one.
// Not for domain refusals (engine/command.h: Rejection), nor for bugs (events/assert.h).
#pragma once

#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace banger {

struct Error {
  std::string message;
  int sys_errno = 0;  // 0 where no system call failed

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline std::unexpected<Error> fail(std::string message, int sys_errno = 0) {
  return std::unexpected(Error{std::move(message), sys_errno});
}

// What failed, followed by the words for `sys_errno`: fail_errno("open /x", errno).
[[nodiscard]] inline std::unexpected<Error> fail_errno(std::string_view what, int sys_errno) {
  return fail(std::string(what) + ": " + std::strerror(sys_errno), sys_errno);
}

// The same error, with what the caller was about to do in front.
[[nodiscard]] inline std::unexpected<Error> with_context(std::string_view context, Error error) {
  error.message.insert(0, std::string(context) + ": ");
  return std::unexpected(std::move(error));
}

}  // namespace banger

// Gives `expression`'s error to the caller, or goes on. For Status, and where the value isn't needed.
#define BANGER_TRY(expression)                                              \
  do {                                                                      \
    auto banger_try_result = (expression);                                  \
    if (!banger_try_result) return std::unexpected(std::move(banger_try_result).error()); \
  } while (false)
