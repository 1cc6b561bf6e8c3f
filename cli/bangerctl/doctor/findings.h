// Doctor's rules: facts in, findings out. Pure, so that each rule has its test. A rule that finds
// nothing wrong says so in a line; one that does names the command that mends it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/bangerctl/doctor/facts.h"

namespace banger::ctl::doctor {

enum class Level { kPass, kWarn, kFail };

struct Finding {
  Level level = Level::kPass;
  std::string check;  // "kvm", "log", ... : one word, the same in each run
  std::string message;
  std::string mend;  // a command, or what a person must do; empty with kPass

  friend bool operator==(const Finding&, const Finding&) = default;
};

[[nodiscard]] std::string_view name_of(Level level);  // "pass", "warn", "fail"

// In the order in which one would look: configuration, daemon, host, log, VMs.
[[nodiscard]] std::vector<Finding> diagnose(const Facts& facts);

}  // namespace banger::ctl::doctor
