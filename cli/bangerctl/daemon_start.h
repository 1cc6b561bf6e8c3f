// Starts bangerd where none runs: detached from the terminal and from us, its output in a log
// beside its data, ready when it says so through a pipe. Called by the Session only.
#pragma once

#include <kj/async-io.h>

#include <string>

#include "cli/bangerctl/failure.h"

namespace banger::ctl {

struct DaemonStart {
  std::string socket;
  std::string data_dir;        // where its log goes
  bool pass_data_dir = false;  // it was asked for; else the daemon's configuration may say another
  std::string config = {};     // empty: its default
};

// What bangerd writes to --ready-fd: "ready", "busy: ..." where another daemon has the data
// directory, or "error: ..." before it ends.
enum class Started { kReady, kBusy };

inline constexpr int kReadyTimeoutS = 60;

[[nodiscard]] Answer<Started> start_daemon(kj::AsyncIoContext& io, const DaemonStart& start);
[[nodiscard]] std::string daemon_log(const DaemonStart& start);

}  // namespace banger::ctl
