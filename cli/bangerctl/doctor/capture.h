// Runs a program of banger to its end and keeps what it prints. For doctor, which asks bangerd about
// its configuration and banger-log about a log that no daemon has open: bangerctl itself links
// neither TOML nor RocksDB.
#pragma once

#include <string>
#include <vector>

#include "events/result.h"

namespace banger::ctl::doctor {

struct Captured {
  int code = 0;  // 128+n: ended by signal n
  std::string out;
  std::string err;
};

inline constexpr std::size_t kMostCaptured = 64 * 1024;  // of each stream; the rest is dropped
inline constexpr int kCaptureTimeoutMs = 30'000;         // then it is killed, and that is an Error

[[nodiscard]] Result<Captured> capture(const std::string& program,
                                       const std::vector<std::string>& args);

}  // namespace banger::ctl::doctor
