// What became of the command, once for the exit code and once, as one line of JSON, for bangerctl,
// which reports it to the daemon.
#pragma once

#include <string>

#include "drivers/guest/exec_wrapper.h"

namespace banger::guest {

struct Outcome {
  enum class Kind { exited, signalled, timed_out, lost, failed };
  Kind kind = Kind::failed;
  int code = kFailedCode;    // the exit code of banger-guest
  std::string message = {};  // for the user, on stderr; empty where there is nothing to say
  bool told = false;         // the guest has already written the message to stderr
};

[[nodiscard]] inline Outcome failed(std::string message) {
  return {Outcome::Kind::failed, kFailedCode, std::move(message)};
}
[[nodiscard]] Outcome lost(std::string_view what_is_known);
[[nodiscard]] Outcome outcome_of(const ExecStatus& status);
// {"outcome":"exited","code":0,"message":""}, with a newline.
[[nodiscard]] std::string to_json_line(const Outcome& outcome);

}  // namespace banger::guest
