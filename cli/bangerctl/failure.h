// How a command of bangerctl fails: one line for a person, perhaps what to try next, and the exit
// code. Every verb returns an Answer; only main prints it. What is local to one name of several is
// printed by the verb, which goes on with the others.
#pragma once

#include <expected>
#include <string>

#include "events/result.h"

namespace banger::ctl {

enum Exit : int {
  kOk = 0,
  kFailed = 1,          // refused, or it did not work
  kUsage = 2,           // the command line makes no sense
  kNoDaemon = 3,        // no daemon answers
  kNotPermitted = 4,    // the daemon answers, and not to us
  kTimedOutCode = 124,  // of a command in a guest
  kOwnFailure = 125,    // exec and run: banger failed, not the command in the guest
};

struct Failure {
  int exit = kFailed;
  std::string message;
  std::string hint = {};
};

template <class T>
using Answer = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> failed(std::string message, std::string hint = {}) {
  return std::unexpected(Failure{kFailed, std::move(message), std::move(hint)});
}
[[nodiscard]] inline std::unexpected<Failure> misused(std::string message, std::string hint = {}) {
  return std::unexpected(Failure{kUsage, std::move(message), std::move(hint)});
}
[[nodiscard]] inline Failure to_failure(Error error) {
  return {kFailed, std::move(error.message)};
}

}  // namespace banger::ctl
